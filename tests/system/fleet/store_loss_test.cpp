// Redis is killed under load and comes back: with its append-only file, or with nothing.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "support/redis_server.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 8;

}  // namespace

TEST_CASE("Redis killed under load goes on from its append-only file") {
  RedisServer redis({.arguments = {"--appendonly", "yes", "--appendfsync", "everysec"}});
  Trial trial({.name = "kill -9 of Redis with an append-only file",
               .fleet = {.relays = relays, .store_toml = store_at(redis.address(), "2s")}});
  trial.flood();
  for (const std::uint64_t part : {4, 2}) {
    trial.wait_received(trial.limit_octets() / part);
    redis.kill();
    redis.start();
  }
  trial.use_up();
  trial.reckon({&redis});
}

TEST_CASE("Redis that comes back empty under load is told everything before it grants again") {
  RedisServer redis;
  Trial trial({.name = "kill -9 of Redis, empty afterwards",
               .fleet = {.relays = relays, .store_toml = store_at(redis.address(), "2s")}});
  trial.flood();
  for (const std::uint64_t part : {4, 2}) {
    trial.wait_received(trial.limit_octets() / part);
    redis.kill();
    redis.start();
  }
  trial.use_up();
  trial.reckon({&redis});
}

TEST_CASE(
    "Redis that was away for long and comes back empty hears of all relays before it grants") {
  RedisServer redis;
  Trial trial({.name = "Redis away, empty afterwards",
               .fleet = {.relays = relays, .store_toml = store_at(redis.address(), "1s")}});
  trial.flood();
  trial.wait_received(trial.limit_octets() / 2);
  redis.kill();
  trial.wait_cut();
  // Meanwhile the relays try again less and less often; nothing else tells how often.
  std::this_thread::sleep_for(std::chrono::seconds(5));
  redis.start();
  trial.use_up();
  trial.reckon({&redis});
}

TEST_CASE("Redis that is emptied while it runs hears of a relay that has nothing new to tell") {
  RedisServer redis;
  Trial trial({.name = "FLUSHALL",
               .fleet = {.relays = 2, .store_toml = store_at(redis.address(), "2s")},
               .limit_octets = 60 * megabyte});
  auto plans = trial.fleet().flood(2);
  const auto half = plans.begin() + 2;
  trial.flood({plans.begin(), half});
  trial.wait_received(trial.limit_octets() / 2);
  trial.end_flood();
  // Until everything is told, and no report is due.
  REQUIRE(wait_until(Milliseconds(10'000), [&] {
    return view_store({&redis}).charged_octets == trial.received_octets();
  }));
  REQUIRE(redis.cli({"FLUSHALL"}).starts_with("OK"));
  trial.flood({half, plans.end()});
  trial.use_up();
  trial.reckon({&redis});
}
