#include "webhook/webhook_message.h"

#include "api/event_text.h"
#include "broker/webhook.h"

namespace plugin {

std::string webhook_body(const Event& event, std::string_view type, std::string_view id) {
  http::Json body{{"type", type}, {"id", id}};
  body.update(event_json(event));
  return body.dump(-1, ' ', false, http::Json::error_handler_t::replace);
}

std::optional<SendRequest> webhook_request(const broker::WebhookConfig& webhook,
                                           std::string_view body, broker::UnixSeconds now_s) {
  if (webhook.secrets.empty()) return std::nullopt;
  const auto signature = broker::webhook_signature(webhook.secrets.front(), now_s, body);
  if (!signature) return std::nullopt;
  return SendRequest{
      webhook.url,
      std::string(body),
      {"Content-Type: application/json", "Turnbroker-Timestamp: " + std::to_string(now_s),
       "Turnbroker-Signature: " + *signature}};
}

}  // namespace plugin
