#include "simulation/scenario.h"

#include <random>

namespace simulation {

Scenario scenario_of(std::uint64_t seed) {
  std::mt19937_64 random(seed * 0x9e37'79b9'7f4a'7c15);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  Scenario scenario;
  scenario.seed = seed;
  scenario.relays = below(40) == 0 ? 200 : below(5) == 0 ? 20 + below(20) : 1 + below(8);
  scenario.time_one_in = scenario.relays < 10 ? 3 : scenario.relays < 100 ? 8 : 40;
  scenario.limit_octets = 200'000 << below(7);
  scenario.period_s = below(3) == 0 ? 1'000'000'000 : 5 + static_cast<std::int64_t>(below(60));
  // Each kind of trouble in half of the runs, from rarely to all the time.
  const auto often = [&](std::uint64_t shortest) -> std::uint64_t {
    return below(2) == 0 ? 0 : shortest << below(6);
  };
  scenario.trouble.crash = often(1'000);
  scenario.trouble.stop = often(1'000);
  scenario.trouble.partition = often(500);
  scenario.trouble.connection_lost = often(200);
  scenario.trouble.failover = often(2'000);
  scenario.trouble.restart = often(4'000);
  scenario.trouble.flush = often(4'000);
  scenario.trouble.store_clock = often(1'000);
  scenario.trouble.relay_clock = often(1'000);
  scenario.trouble.limits = often(1'000);
  scenario.trouble.quiet = often(500);
  // From one for all relays to more than they open.
  const std::uint64_t most = scenario.relays < 10 ? scenario.relays + 3 : 20;
  scenario.allocations = below(4) == 0 ? 0 : static_cast<std::uint32_t>(1 + below(most));
  return scenario;
}

}  // namespace simulation
