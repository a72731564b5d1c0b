#include "broker/fleet_bus.h"

#include "fleet/publish.h"

namespace plugin {

FleetBus::FleetBus(redis::Client& client, const Host& host) : client_(client), host_(host) {
  client_.subscribe(
      {channels::recall, channels::recall_places, channels::exhausted, channels::control},
      [this](const std::string& channel, const std::string& payload) { take(channel, payload); },
      // What was missed while the connection was lost may have told of a revocation.
      [this] {
        control_({FleetCommand::What::revoked, {}, {}, {}});
      });
}

void FleetBus::take(const std::string& channel, const std::string& payload) {
  const auto refused = [&](const broker::Error& error) {
    host_.warning("a message on {} is dropped: {}", channel, error.message);
  };
  const auto of_account = [&](const auto& handler) {
    if (const auto account = parse_account(payload))
      handler(account.value());
    else
      refused(account.error());
  };
  if (channel == channels::recall) {
    of_account(recall_);
  } else if (channel == channels::recall_places) {
    of_account(recall_places_);
  } else if (channel == channels::exhausted) {
    of_account(exhausted_);
  } else if (channel == channels::control) {
    if (const auto command = parse_fleet_command(payload))
      control_(command.value());
    else
      refused(command.error());
  }
}

void FleetBus::tell_revoked() { publish(client_, channels::control, revoked_message()); }

}  // namespace plugin
