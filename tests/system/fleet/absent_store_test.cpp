// Relays that start and stop while Redis is away or has just come back with nothing.
#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "support/redis_server.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr Milliseconds refuse_max{30'000};

bool has_meter_table(BrokerRelay& relay) {
  return std::filesystem::exists(relay.state_dir() / "meters");
}

}  // namespace

TEST_CASE("a killed relay waits for Redis, then refuses to start, and settles when it can") {
  RedisServer redis({.arguments = {"--appendonly", "yes", "--appendfsync", "everysec"}});
  Trial trial({.name = "Redis away at start",
               .fleet = {.relays = 3, .store_toml = store_at(redis.address(), "2s")},
               .limit_octets = 60 * megabyte});
  BrokerRelay& relay = trial.fleet().relay(0);
  trial.flood();
  trial.wait_received(trial.limit_octets() / 4);
  relay.relay().kill();
  trial.allow_unsent(1);
  redis.kill();
  REQUIRE(has_meter_table(relay));

  const TimePoint start = Clock::now();
  const RunResult refused = run_to_end(relay.relay().command(), refuse_max);
  std::cout << "refused to start after "
            << std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count() << " ms\n";
  CHECK(refused.exit.status != 0);
  INFO(refused.output);
  CHECK(refused.output.find("ledger: " + redis.address()) != std::string::npos);
  CHECK(has_meter_table(relay));

  // The next start meets a server that comes back while it waits.
  auto starting = std::make_unique<ChildProcess>(relay.relay().command());
  CHECK_FALSE(wait_until(Milliseconds(4'000), [&] { return !starting->running(); }));
  redis.start();
  CHECK(starting->wait_output("the earlier run did not end properly", refuse_max));
  starting->kill();
  relay.relay().restart();
  trial.use_up();
  trial.reckon({&redis});
}

TEST_CASE(
    "relays that stop, or settle an earlier run, while an empty Redis learns are charged in full") {
  RedisServer redis;
  Trial trial({.name = "ends while Redis learns",
               .fleet = {.relays = 4, .store_toml = store_at(redis.address(), "3s")},
               .limit_octets = 60 * megabyte});
  trial.flood();
  trial.wait_received(trial.limit_octets() / 2);
  BrokerRelay& killed = trial.fleet().relay(0);
  BrokerRelay& stopped = trial.fleet().relay(1);
  killed.relay().kill();
  trial.allow_unsent(1);
  redis.kill();
  redis.start();
  killed.relay().restart();
  CHECK(killed.relay().output().find("the earlier run did not end properly") != std::string::npos);
  CHECK(stopped.relay().stop().status == 0);
  CHECK(stopped.relay().output().find("stopped, everything is settled") != std::string::npos);
  stopped.relay().restart();
  trial.use_up();
  trial.reckon({&redis});
}
