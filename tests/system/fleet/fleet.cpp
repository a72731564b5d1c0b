#include "fleet.h"

#include <algorithm>
#include <csignal>
#include <iostream>

#include "support/wait_until.h"

namespace turntest {

namespace {

constexpr Milliseconds stop_max{30'000};
constexpr std::size_t output_shown_max = 4'000;

}  // namespace

Fleet::Fleet(const FleetOptions& options) {
  for (std::size_t i = 0; i < options.relays; ++i) {
    BrokerRelayOptions relay;
    relay.relay.relay_threads = options.relay_threads;
    relay.relay.awaited = {TransportKind::udp};
    relay.broker_toml = "[broker.store]\nkind = \"redis\"\n" + options.store_toml +
                        "\n[relay]\nid = \"r" + std::to_string(i) + "\"\n";
    relay.csp_toml = options.csp_toml;
    if (options.adjust) options.adjust(i, relay);
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

bool Fleet::wait_limit(std::uint64_t octets, Milliseconds timeout) {
  return wait_until(timeout, [&] {
    return std::ranges::all_of(
        relays_, [&](const auto& relay) { return relay->usage().limit_octets == octets; });
  });
}

bool Fleet::stop() {
  for (auto& relay : relays_) relay->relay().process().signal(SIGTERM);
  bool settled = true;
  for (auto& relay : relays_) {
    // A second signal would end it before it has settled.
    const auto exit = relay->relay().process().wait_exit(stop_max);
    const std::string output = relay->relay().output();
    if (exit && exit->status == 0 && exit->signal == 0 &&
        output.find("stopped, everything is settled") != std::string::npos)
      continue;
    std::cout << "a relay did not stop cleanly; the end of its output:\n"
              << output.substr(output.size() - std::min(output.size(), output_shown_max));
    settled = false;
  }
  return settled;
}

void Fleet::cut() {
  for (auto& relay : relays_)
    if (relay->relay().process().running()) (void)relay->ctl({"cut", "--csp", "acme"});
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
