#include "broker/fleet_bus.h"

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

constexpr const char* recall_channel = "turnbroker:recall";
constexpr const char* recall_places_channel = "turnbroker:recall-places";
constexpr const char* exhausted_channel = "turnbroker:exhausted";
constexpr const char* control_channel = "turnbroker:control";
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

FleetBus::FleetBus(redis::Client& client, const Host& host) : client_(client), host_(host) {
  client_.subscribe(
      {recall_channel, recall_places_channel, exhausted_channel, control_channel},
      [this](const std::string& channel, const std::string& payload) { take(channel, payload); },
      // What was missed while the connection was lost may have told of a revocation.
      [this] {
        control_({FleetCommand::What::revoked, {}, {}, {}});
      });
}

void FleetBus::take(const std::string& channel, const std::string& payload) {
  const auto refused = [&](const Error& error) {
    host_.warning("a message on {} is dropped: {}", channel, error.message);
  };
  const auto of_account = [&](const auto& handler) {
    if (const auto account = parse_account(payload))
      handler(account.value());
    else
      refused(account.error());
  };
  if (channel == recall_channel) {
    of_account(recall_);
  } else if (channel == recall_places_channel) {
    of_account(recall_places_);
  } else if (channel == exhausted_channel) {
    of_account(exhausted_);
  } else if (channel == control_channel) {
    if (const auto command = parse_fleet_command(payload))
      control_(command.value());
    else
      refused(command.error());
  }
}

void FleetBus::tell_revoked() { publish(control_channel, R"({"v":1,"do":"revoked"})"); }

void FleetBus::publish(const std::string& channel, const std::string& message) {
  if (message.size() > fleet_message_octets_max) return;
  redis::Command command;
  command.arguments = {"PUBLISH", channel, message};
  client_.call(std::move(command), [](const auto&) {});
}

}  // namespace plugin
