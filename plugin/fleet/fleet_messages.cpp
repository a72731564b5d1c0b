#include "fleet/fleet_messages.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "broker/names.h"

namespace plugin {

using broker::AccountKey;
using broker::Error;
using broker::Result;
using nlohmann::json;

namespace {

constexpr int version = 1;

Result<json> parse_message(std::string_view text) {
  if (text.size() > fleet_message_octets_max)
    return Error{"it has " + std::to_string(text.size()) + " octets"};
  auto message = json::parse(text, nullptr, false);
  if (!message.is_object()) return Error{"it is no JSON object"};
  if (!message.contains("v") || message["v"] != version)
    return Error{"its version \"v\" is not " + std::to_string(version)};
  return message;
}

/// "" when there is none; nullopt when it is no text or too long.
std::optional<std::string> text_in(const json& message, const char* name, std::size_t octets_max) {
  const auto found = message.find(name);
  if (found == message.end()) return "";
  if (!found->is_string()) return std::nullopt;
  auto text = found->get<std::string>();
  if (text.size() > octets_max) return std::nullopt;
  return text;
}

}  // namespace

Result<FleetCommand> parse_fleet_command(std::string_view text) {
  const auto message = parse_message(text);
  if (!message) return message.error();
  const auto& fields = message.value();
  const auto what = text_in(fields, "do", 16);
  const auto allocation = text_in(fields, "allocation", 128);
  const auto csp = text_in(fields, "csp", broker::csp_id_octets_max);
  const auto client = text_in(fields, "client", broker::client_name_octets_max);
  if (!what || !allocation || !csp || !client) return Error{"a member is no text, or too long"};
  if (*what == "revoked") return FleetCommand{FleetCommand::What::revoked, {}, {}, {}};
  if (*what == "reload") return FleetCommand{FleetCommand::What::reload, {}, {}, {}};
  if (*what != "cut") return Error{"\"do\" is neither cut, revoked nor reload"};
  if (allocation->empty() && csp->empty() && client->empty())
    return Error{"it names neither an allocation, a CSP nor a client to cut"};
  return FleetCommand{FleetCommand::What::cut, *allocation, *csp, *client};
}

Result<AccountKey> parse_account(std::string_view text) {
  const auto message = parse_message(text);
  if (!message) return message.error();
  const auto& fields = message.value();
  const auto csp = text_in(fields, "csp", broker::csp_id_octets_max);
  const auto media_name = text_in(fields, "media", 16);
  const auto client = text_in(fields, "client", broker::client_name_octets_max);
  const auto start = fields.find("period_start_s");
  if (!csp || csp->empty() || !media_name || !client || start == fields.end() ||
      !start->is_number_integer())
    return Error{"it names no account"};
  const auto media = broker::parse_media_type(*media_name);
  if (!media) return Error{"\"media\" is no media type"};
  return AccountKey{*csp, *media, start->get<std::int64_t>(), *client};
}

std::string account_message(const AccountKey& account) {
  const json message{{"v", version},
                     {"csp", account.csp},
                     {"media", broker::to_string(account.media)},
                     {"period_start_s", account.period_start_s},
                     {"client", account.client}};
  return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string revoked_message() { return json{{"v", version}, {"do", "revoked"}}.dump(); }

}  // namespace plugin
