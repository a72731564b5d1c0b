// One account flooded through eight relays: never over the quota, hardly under it, cut everywhere, let in
// again everywhere.
#include <catch2/catch.hpp>
#include <iostream>

#include "fleet.h"
#include "support/redis_server.h"
#include "support/wait_until.h"

using namespace turntest;

namespace {

constexpr std::uint64_t megabyte = 1'000'000;
constexpr Milliseconds flood_max{300'000};
/// What the acceptance asks for; a sanitizer's relays are slower.
constexpr Milliseconds gone_max{rounds(2'000, 10'000)};

std::string volume(std::uint64_t octets) { return std::to_string(octets) + " B"; }

Milliseconds since(TimePoint start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
}

}  // namespace

TEST_CASE("a quota shared by eight relays is used up to the end and never exceeded") {
  const std::uint64_t seed = test_seed();
  const std::uint64_t limit = static_cast<std::uint64_t>(rounds(1'000, 100)) * megabyte;
  RedisServer redis;
  FleetOptions options;
  options.relays = 8;
  options.store_toml =
      "url = \"redis://" + redis.address() + "\"\nvalidity_time = \"5s\"\nreport_interval = \"1s\"";
  options.csp_toml = BrokerRelay::acme(volume(limit));
  Fleet fleet(options);
  REQUIRE(fleet.wait_admitting(Milliseconds(20'000)));

  Swarm swarm(fleet.flood(4), 2, seed);
  const TimePoint start = Clock::now();
  swarm.start();
  const auto exhausted = [&](std::size_t i) {
    return fleet.relay(i).relay().output().find("is exhausted") != std::string::npos;
  };
  REQUIRE(wait_until(flood_max, [&] {
    for (std::size_t i = 0; i < fleet.size(); ++i)
      if (exhausted(i)) return true;
    return false;
  }));
  const TimePoint first = Clock::now();
  const Milliseconds flooding = since(start);
  CHECK(wait_until(gone_max * 5, [&] { return fleet.live_allocations() == 0; }));
  const Milliseconds gone = since(first);
  CHECK(gone <= gone_max);
  swarm.stop();
  CHECK(wait_until(Milliseconds(5'000),
                   [&] { return fleet.recorded().allocations >= swarm.members().size(); }));
  const std::uint64_t recorded = fleet.recorded().used_octets;
  const std::uint64_t received = swarm.peers_received().octets + swarm.clients_received().octets;
  std::cout << "limit " << limit << ", recorded " << recorded << ", received " << received
            << ", fraction " << static_cast<double>(recorded) / static_cast<double>(limit)
            << ", in " << flooding.count() << " ms, gone after " << gone.count() << " ms\n";
  CHECK(received <= recorded);
  CHECK(recorded <= limit);
  CHECK(recorded >= limit - limit / 1'000);
  // Each relay knows what all of them used.
  CHECK(wait_until(Milliseconds(5'000), [&] {
    for (std::size_t i = 0; i < fleet.size(); ++i)
      if (fleet.relay(i).usage().used_octets != recorded) return false;
    return true;
  }));

  const TimePoint raised = Clock::now();
  fleet.write_csps(BrokerRelay::acme(volume(limit + 10 * megabyte)));
  CHECK(fleet.wait_admitting(gone_max));
  std::cout << "let in again everywhere after " << since(raised).count() << " ms\n";
  for (std::size_t i = 0; i < fleet.size(); ++i) CHECK(fleet.relay(i).relay().stop().status == 0);
}
