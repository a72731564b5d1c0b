// Two relays of a fleet that were given the same id, and one that lost its state directory.
#include <catch2/catch.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <string>

#include "broker_fixture.h"
#include "redis/slot.h"
#include "support/redis_fleet.h"
#include "support/redis_server.h"

using testing::allocate;
using testing::FakeRelay;
using testing::of_acme;
using testing::RunningBroker;

namespace {

std::string config(const turntest::RedisServer& redis, const std::string& id) {
  return "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis.address() +
         "\"\nvalidity_time = \"1s\"\n[relay]\nid = \"" + id + "\"\n" + testing::acme("1 MB");
}

}  // namespace

TEST_CASE("a relay with the id of one that is alive does not start, and that one goes on",
          "[fleet][redis]") {
  turntest::RedisServer redis;
  RunningBroker first(config(redis, "fra1"));
  FakeRelay relay(first.broker(), first.host, 0);
  // A store that is new learns for a second.
  testing::FakeAllocation call;
  REQUIRE(testing::eventually([&] { return allocate(relay, of_acme("alice"), call) == 0; }));
  CHECK_THROWS_WITH(RunningBroker(config(redis, "fra1")),
                    Catch::Contains("another relay of the fleet has the id fra1, too"));
  RunningBroker other(config(redis, "fra2"));
  // Its grant is still its own.
  CHECK(relay.relay(call, TURN_CLIENT_TO_PEER, 1'000));
  relay.close(call, TURN_CLOSE_RELEASED);
  first.stop();
  CHECK(redis.cli({"SMEMBERS", "turnbroker:{tb0}:open:fra1"}).find("fra1:") == std::string::npos);
  // Nobody has it any more.
  RunningBroker successor(config(redis, "fra1"));
}

TEST_CASE(
    "all that a relay was granted counts when its id starts elsewhere without its meter table, and "
    "it ends",
    "[fleet][redis]") {
  turntest::RedisServer redis;
  RunningBroker first(config(redis, "fra1"));
  FakeRelay relay(first.broker(), first.host, 0);
  testing::FakeAllocation call;
  REQUIRE(testing::eventually([&] { return allocate(relay, of_acme("alice"), call) == 0; }));
  constexpr std::uint64_t limit = 1'000'000;
  std::uint64_t relayed = 0;
  const auto send = [&](FakeRelay& through, testing::FakeAllocation& of) {
    if (!through.relay(of, TURN_CLIENT_TO_PEER, 1'000)) return false;
    relayed += 1'000;
    return true;
  };
  REQUIRE(testing::eventually([&] { return send(relay, call) && relayed >= limit / 4; }));
  // Nobody hears of it any more, and it relays on.
  REQUIRE(redis.cli({"DEL", "turnbroker:{fleet}:relay:fra1"}) == "1\n");
  RunningBroker second(config(redis, "fra1"));
  CHECK(second.host.log_text().find("all that it was granted counts as used") != std::string::npos);
  FakeRelay other(second.broker(), second.host, 0);
  testing::FakeAllocation other_call;
  REQUIRE(allocate(other, of_acme("bob"), other_call) == 0);
  const auto cut = [](const testing::FakeHost& host, const char* line) {
    return host.log_text().find(line) != std::string::npos;
  };
  CHECK(testing::eventually([&] {
    send(other, other_call);
    return cut(second.host, "is exhausted");
  }));
  while (send(relay, call)) continue;
  CHECK(relayed <= limit);
  CHECK(testing::eventually([&] { return cut(first.host, "cannot report any more"); }));
  relay.close(call, TURN_CLOSE_QUOTA_EXHAUSTED);
  CHECK(testing::eventually([&] { return first.host.stop_asked(); }));
  CHECK(allocate(relay, of_acme("carol"), call) != 0);
  first.stop();
  CHECK(cut(first.host, "relayed after the last report that the ledger took"));
  CHECK_FALSE(cut(first.host, "everything is settled"));
}

TEST_CASE("a relay that lost its state directory starts when the fleet has forgotten its last run",
          "[fleet][redis]") {
  turntest::RedisServer redis;
  const std::string hash = "turnbroker:{fleet}:relay:fra1";
  std::string incarnation;
  {
    RunningBroker lost(config(redis, "fra1"));
    REQUIRE(testing::eventually([&] {
      incarnation = redis.cli({"HGET", hash, "incarnation"});
      return incarnation.size() > 16;
    }));
    incarnation.resize(16);
    // As if it had been killed: what it told stays for a moment, and its incarnation open.
    REQUIRE(redis.cli({"COPY", hash, hash + ":kept"}) == "1\n");
  }
  REQUIRE(redis.cli({"RENAME", hash + ":kept", hash}) == "OK\n");
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(redis.cli({"PEXPIRE", hash, "2000"}) == "1\n");
  REQUIRE(redis.cli({"SADD", "turnbroker:{tb0}:open:fra1", "fra1:" + incarnation}) == "1\n");
  RunningBroker again(config(redis, "fra1"));
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(1'500));
}

TEST_CASE("of two relays with one id that start at the same time one does", "[fleet][redis]") {
  turntest::RedisServer redis;
  const auto start = [&] {
    try {
      return std::make_unique<RunningBroker>(config(redis, "fra1"));
    } catch (const std::exception& error) {
      if (std::string(error.what()).find("another relay of the fleet has the id") ==
          std::string::npos)
        throw;
      return std::unique_ptr<RunningBroker>();
    }
  };
  auto first = std::async(std::launch::async, start);
  auto second = std::async(std::launch::async, start);
  const auto one = first.get();
  const auto other = second.get();
  CHECK((one == nullptr) != (other == nullptr));
}

TEST_CASE("a start that died in its midst holds up the next for as long as its claim lasts",
          "[fleet][redis]") {
  turntest::RedisServer redis;
  const std::string claim = "turnbroker:{fleet}:claim:fra1";
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(redis.cli({"SET", claim, "another", "PX", "1500"}) == "OK\n");
  RunningBroker again(config(redis, "fra1"));
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(1'400));
  // The first heartbeat ends its own.
  CHECK(testing::eventually([&] { return redis.cli({"EXISTS", claim}) == "0\n"; }));
  CHECK(redis.cli({"EXISTS", "turnbroker:{fleet}:relay:fra1"}) == "1\n");
}

TEST_CASE("an id is claimed in a cluster as at one server", "[fleet][redis]") {
  turntest::RedisCluster cluster;
  const std::string claim = "turnbroker:{fleet}:claim:fra1";
  turntest::RedisServer& owner =
      cluster.node(turntest::RedisCluster::owner_of(plugin::redis::slot_of(claim)));
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(owner.cli({"SET", claim, "another", "PX", "1500"}) == "OK\n");
  RunningBroker relay("[broker.store]\nkind = \"redis\"\nmode = \"cluster\"\nurls = [\"redis://" +
                      cluster.node(0).address() +
                      "\"]\nvalidity_time = \"1s\"\n[relay]\nid = \"fra1\"\n" +
                      testing::acme("1 MB"));
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(1'000));
  CHECK(testing::eventually([&] { return owner.cli({"EXISTS", claim}) == "0\n"; }));
  CHECK(owner.cli({"EXISTS", "turnbroker:{fleet}:relay:fra1"}) == "1\n");
}
