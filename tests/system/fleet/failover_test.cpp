// A master of Redis dies under load and its replica takes its place, as sentinels decide.
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <iostream>

#include "support/redis_fleet.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 8;
constexpr Milliseconds failover_max{30'000};
/// Sentinels take their time to make a master that came back a replica.
constexpr Milliseconds replica_max{60'000};

std::string store_of(const RedisSentinels& sentinels) {
  std::string text = "mode = \"sentinel\"\nsentinel_master = \"";
  text.append(RedisSentinels::master_name).append("\"\nreplicas = 1\nurls = [");
  for (std::size_t i = 0; i < 3; ++i)
    text.append("\"redis://127.0.0.1:")
        .append(std::to_string(sentinels.port(i)))
        .append(i < 2 ? "\", " : "\"]\n");
  return text + "validity_time = \"3s\"\nreport_interval = \"1s\"\n";
}

/// Whether `successor` is promoted; how long that took is printed.
bool is_promoted(const RedisServer& successor) {
  const TimePoint start = Clock::now();
  const bool promoted =
      wait_until(failover_max, [&] { return info_field(successor, "role") == "master"; });
  std::cout << "the replica was promoted after "
            << std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count() << " ms\n";
  return promoted;
}

bool follows(const RedisServer& replica, const RedisServer& master) {
  return wait_until(replica_max, [&] {
    return info_field(master, "connected_slaves") == "1" &&
           info_field(replica, "master_link_status") == "up";
  });
}

}  // namespace

TEST_CASE("a failover under load forgets no grant") {
  RedisSentinels sentinels;
  RedisServer& first = sentinels.first();
  RedisServer& second = sentinels.second();
  Trial trial({.name = "failover", .fleet = {.relays = relays, .store_toml = store_of(sentinels)}});
  trial.flood();
  trial.wait_received(trial.limit_octets() / 4);
  first.kill();
  REQUIRE(is_promoted(second));
  // Without a replica nothing more is granted.
  first.start();
  REQUIRE(follows(first, second));

  // The other way round, and the old master comes back with all it knew and takes itself for one.
  trial.flood();
  trial.wait_received(trial.limit_octets() / 2);
  second.process().signal(SIGSTOP);
  REQUIRE(is_promoted(first));
  second.process().signal(SIGCONT);
  REQUIRE(follows(second, first));
  trial.use_up();
  trial.reckon({&first});
}
