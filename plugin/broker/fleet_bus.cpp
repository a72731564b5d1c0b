#include "broker/fleet_bus.h"

#include <utility>

#include "fleet/publish.h"

namespace plugin {

namespace {
constexpr std::int64_t told_interval_ms = 1'000;
}  // namespace

FleetBus::FleetBus(redis::Client& client, const Host& host, const Clock& clock)
    : client_(client), host_(host), clock_(clock) {
  client_.subscribe(
      {channels::recall, channels::recall_places, channels::exhausted, channels::control},
      [this](const std::string& channel, const std::string& payload) { take(channel, payload); },
      // What was missed while the connection was lost may have told of a revocation.
      [this] {
        control_({FleetCommand::What::revoked, {}, {}, {}});
      });
}

void FleetBus::take(const std::string& channel, const std::string& payload) {
  const auto refused = [&](const broker::Error& error) { drop(channel, error); };
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

void FleetBus::drop(const std::string& channel, const broker::Error& error) {
  const std::int64_t now_ms = clock_.steady_ms();
  look();
  if (now_ms < next_told_ms_) {
    ++dropped_untold_;
    return;
  }
  next_told_ms_ = now_ms + told_interval_ms;
  host_.warning("a message on {} is dropped: {}", channel, error.message);
}

void FleetBus::look() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (dropped_untold_ == 0 || now_ms < next_told_ms_) return;
  next_told_ms_ = now_ms + told_interval_ms;
  host_.warning("{} more messages of the fleet are dropped", std::exchange(dropped_untold_, 0));
}

void FleetBus::tell_revoked() { publish(client_, channels::control, revoked_message()); }

}  // namespace plugin
