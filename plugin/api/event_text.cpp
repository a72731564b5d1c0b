#include "api/event_text.h"

#include "records/usage_record.h"

namespace plugin {

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::usage: return "usage";
    case EventKind::threshold: return "threshold";
    case EventKind::cut: return "cut";
    case EventKind::restored: return "restored";
  }
  return "";
}

http::Json event_json(const Event& event, std::string_view client_id) {
  http::Json json{{"cspID", event.csp},
                  {"mediaType", broker::to_string(event.media)},
                  {"period", event.period},
                  {"limit_octets", event.limit_octets},
                  {"used_octets", event.used_octets},
                  {"at", format_utc_ms(event.at_ms)}};
  switch (event.kind) {
    case EventKind::threshold: json["percent"] = event.percent; break;
    case EventKind::cut:
      json["clientName"] = event.client;
      if (!client_id.empty()) json["clientID"] = client_id;
      json["allocation"] = event.allocation;
      json["reason"] = event.reason;
      break;
    case EventKind::usage:
    case EventKind::restored: break;
  }
  return json;
}

std::string sse_event(const Event& event, std::string_view id, std::string_view client_id) {
  std::string text = "event: " + std::string(to_string(event.kind)) + "\n";
  if (!id.empty()) text += "id: " + std::string(id) + "\n";
  // JSON has no line breaks of its own: one data line is enough.
  text += "data: ";
  text += event_json(event, client_id).dump(-1, ' ', false, http::Json::error_handler_t::replace);
  text += "\n\n";
  return text;
}

std::string sse_lost(std::uint64_t events, std::string_view id) {
  return "event: lost\nid: " + std::string(id) + "\ndata: {\"events\":" + std::to_string(events) +
         "}\n\n";
}

}  // namespace plugin
