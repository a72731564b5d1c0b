#include "fleet.h"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <stdexcept>

#include "support/wait_until.h"

namespace turntest {

namespace {

constexpr Milliseconds stop_max{30'000};
constexpr std::size_t output_shown_max = 4'000;

}  // namespace

Fleet::Fleet(const FleetOptions& options) {
  for (std::size_t i = 0; i < options.relays; ++i) {
    http_ports_.emplace_back();
    BrokerRelayOptions relay;
    relay.relay.relay_threads = options.relay_threads;
    relay.relay.awaited = {TransportKind::udp};
    const std::string http =
        "[broker.http]\nlisten = \"127.0.0.1:" + std::to_string(http_ports_[i].port()) + "\"\n";
    relay.broker_toml = (options.http ? http : "") + "[broker.store]\nkind = \"redis\"\n" +
                        options.store_toml + "\n[relay]\nid = \"r" + std::to_string(i) + "\"\n";
    const std::string toml = relay.broker_toml;
    relay.csp_toml = options.csp_toml;
    if (options.adjust) options.adjust(i, relay);
    relays_.push_back(std::make_unique<BrokerRelay>(std::move(relay)));
    if (!options.http) continue;
    // Its ports are known only now.
    const Address turn = relays_[i]->relay().address(TransportKind::udp);
    relays_[i]->set_broker_toml(toml + "urls = [\"turn:" + turn.to_string() +
                                "?transport=udp\"]\n");
    relays_[i]->write_csps(options.csp_toml);
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

Fleet::Answer Fleet::get(std::size_t index, const std::string& path) const {
  const auto result = run_to_end(
      {.program = "/usr/bin/curl",
       .arguments = {"-sS", "-H", "Origin: https://app.example", "-w", "\n%{http_code}",
                     "http://127.0.0.1:" + std::to_string(http_ports_.at(index).port()) + path}});
  const auto end = result.output.rfind('\n');
  if (result.exit.status != 0 || end == std::string::npos)
    throw std::runtime_error("curl: " + result.output);
  return {std::stoi(result.output.substr(end + 1)),
          nlohmann::json::parse(result.output.substr(0, end))};
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
