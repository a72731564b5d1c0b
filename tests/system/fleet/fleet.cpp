#include "fleet.h"

#include "support/wait_until.h"

namespace turntest {

Fleet::Fleet(const FleetOptions& options) {
  for (std::size_t i = 0; i < options.relays; ++i) {
    BrokerRelayOptions relay;
    relay.relay.relay_threads = options.relay_threads;
    relay.relay.awaited = {TransportKind::udp};
    relay.broker_toml = "[broker.store]\nkind = \"redis\"\n" + options.store_toml +
                        "\n[relay]\nid = \"r" + std::to_string(i) + "\"\n";
    relay.csp_toml = options.csp_toml;
    relays_.push_back(std::make_unique<BrokerRelay>(std::move(relay)));
  }
}

void Fleet::write_csps(std::string_view csp_toml) {
  for (auto& relay : relays_) relay->write_csps(csp_toml);
}

bool Fleet::wait_admitting(Milliseconds timeout) {
  const TimePoint deadline = Clock::now() + timeout;
  for (auto& relay : relays_) {
    const bool admitted =
        wait_until(std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()), [&] {
          TurnClient client(relay->client());
          return client.allocate().ok() && client.refresh(0).ok();
        });
    if (!admitted) return false;
  }
  return true;
}

Usage Fleet::recorded() const {
  Usage sum;
  for (const auto& relay : relays_) {
    const Usage one = relay->recorded();
    sum.used_octets += one.used_octets;
    sum.client_to_peer_octets += one.client_to_peer_octets;
    sum.peer_to_client_octets += one.peer_to_client_octets;
    sum.allocations += one.allocations;
  }
  return sum;
}

std::uint64_t Fleet::live_allocations() {
  std::uint64_t live = 0;
  for (auto& relay : relays_) live += relay->usage().allocations;
  return live;
}

std::vector<MemberPlan> Fleet::flood(std::size_t each) const {
  std::vector<MemberPlan> plans;
  for (const auto& relay : relays_)
    for (std::size_t i = 0; i < each; ++i) {
      MemberPlan plan;
      plan.client = relay->client(TransportKind::udp, 4, "client-" + std::to_string(i));
      plan.pace = MemberPlan::Pace::flood;
      plan.payload_min_octets = 200;
      plan.payload_max_octets = 1'400;
      plans.push_back(std::move(plan));
    }
  return plans;
}

}  // namespace turntest
