// What fails in a fleet is told: once in the log when it begins and once when it is over, in the status and
// in the metrics all the time.
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <regex>
#include <string>

#include "broker_fixture.h"
#include "redis_fixture.h"
#include "support/temp_dir.h"
#include "text_count.h"

using Catch::Matchers::Contains;
using testing::count;
using testing::eventually;
using testing::RunningBroker;

namespace {

const std::string relays_key = "turnbroker:{fleet}:relays";

turntest::RedisServer with_user(const std::string& channels) {
  return turntest::RedisServer(
      {.arguments = {"--user", "relay", "on", ">tr-secret", "~*", channels, "+@all"}});
}

std::string config(const turntest::RedisServer& redis, const std::string& more = "") {
  return "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis.address() +
         "\"\nvalidity_time = \"1s\"\n" + more + "[relay]\nid = \"fra1\"\n" + testing::acme("1 MB");
}

template <typename T>
T ask(RunningBroker& running, std::function<T(plugin::Control&)> question) {
  T answer{};
  std::atomic<bool> done = false;
  REQUIRE(running.broker().post([&](plugin::Control& control) {
    answer = question(control);
    done = true;
  }));
  REQUIRE(eventually([&] { return done.load(); }));
  return answer;
}

std::string store_of(RunningBroker& running) {
  return ask<std::string>(running, [](plugin::Control& control) { return control.status().store; });
}

std::string broken_parts(RunningBroker& running) {
  return ask<std::string>(running, [](plugin::Control& control) {
    std::string names;
    for (const auto& part : control.metrics().fleet_parts)
      if (!part.problem.empty()) names += part.name + ' ';
    return names;
  });
}

}  // namespace

TEST_CASE("a subscription that is refused is told once, with its channels, and once when it stands",
          "[fleet][redis]") {
  turntest::RedisServer redis = with_user("resetchannels");
  broker::RedisConfig user = redis_test::config_for(redis);
  user.username = "relay";
  user.password = broker::Secret("tr-secret");
  redis_test::Loop loop(user);
  int subscribed = 0;
  loop.client->subscribe(
      {"one", "two"}, [](const auto&, const auto&) {}, [&] { ++subscribed; });
  CHECK(loop.client->subscription_problem().empty());
  REQUIRE(loop.until([&] { return !loop.client->subscription_problem().empty(); }));
  const std::string problem = loop.client->subscription_problem();
  CHECK_THAT(problem, Contains(redis.address() + " (subscriptions): ") &&
                          Contains("SUBSCRIBE one two is refused: NOPERM"));
  CHECK(loop.client->problem().empty());
  // Some attempts more.
  CHECK_FALSE(loop.until([] { return false; }, 1'000));
  CHECK(loop.client->subscription_problem() == problem);
  CHECK(count(loop.fake_host.log_text(), "NOPERM") == 1);
  CHECK(count(loop.fake_host.log_text(), "connected again") == 0);
  REQUIRE(redis.cli({"ACL", "SETUSER", "relay", "allchannels"}) == "OK\n");
  REQUIRE(loop.until([&] { return subscribed == 1; }));
  CHECK(loop.client->subscription_problem().empty());
  CHECK(count(loop.fake_host.log_text(), "(subscriptions): connected again") == 1);
}

TEST_CASE("a lost connection is told of both links, each by its name", "[fleet][redis]") {
  turntest::RedisServer redis;
  redis_test::Loop loop(redis_test::config_for(redis));
  int subscribed = 0;
  loop.client->subscribe(
      {"one"}, [](const auto&, const auto&) {}, [&] { ++subscribed; });
  REQUIRE(loop.until([&] { return subscribed == 1; }));
  redis.kill();
  const auto logged = [&](const std::string& line) {
    return loop.until([&] { return loop.fake_host.log_text().find(line) != std::string::npos; });
  };
  CHECK(logged("Redis " + redis.address() + ": "));
  CHECK(logged("Redis " + redis.address() + " (subscriptions): "));
  redis.start();
  CHECK(logged("Redis " + redis.address() + ": connected again"));
  CHECK(logged("Redis " + redis.address() + " (subscriptions): connected again"));
}

TEST_CASE("a relay without its channels says so in its status and in its metrics",
          "[fleet][redis]") {
  turntest::RedisServer redis = with_user("resetchannels");
  const turntest::TempDir directory;
  RunningBroker running(config(redis, "username = \"relay\"\npassword_file = \"" +
                                          directory.write("password", "tr-secret").string() +
                                          "\"\n"));
  CHECK(eventually([&] { return broken_parts(running) == "subscriptions "; }));
  CHECK_THAT(store_of(running),
             Contains("redis: ") && Contains("SUBSCRIBE turnbroker:recall") && Contains("NOPERM"));
  REQUIRE(redis.cli({"ACL", "SETUSER", "relay", "allchannels"}) == "OK\n");
  CHECK(eventually([&] { return broken_parts(running).empty(); }));
  CHECK(store_of(running) == "redis ok");
}

TEST_CASE("a heartbeat and lists that fail are told once with their keys", "[fleet][redis]") {
  turntest::RedisServer redis;
  RunningBroker running(config(redis));
  REQUIRE(eventually([&] { return redis.cli({"EXISTS", relays_key}) == "1\n"; }));
  CHECK(broken_parts(running).empty());
  CHECK(store_of(running) == "redis ok");
  REQUIRE(redis.cli({"SET", relays_key, "text"}) == "OK\n");
  REQUIRE(redis.cli({"SET", "turnbroker:{tb0}:revoked:until", "text"}) == "OK\n");
  REQUIRE(eventually([&] {
    return redis.cli({"PUBLISH", "turnbroker:control", R"({"v":1,"do":"revoked"})"}) == "1\n";
  }));
  CHECK(eventually([&] { return broken_parts(running) == "heartbeat roster revocations "; }));
  CHECK_THAT(store_of(running), Contains("redis: ") && Contains(relays_key) &&
                                    Contains("turnbroker:{tb0}:revoked:until") &&
                                    Contains("WRONGTYPE"));
  REQUIRE(redis.cli({"DEL", relays_key, "turnbroker:{tb0}:revoked:until"}) == "2\n");
  CHECK(eventually([&] { return broken_parts(running).empty(); }));
  const std::string log = running.host.log_text();
  for (const std::string what :
       {"cannot tell the fleet of itself", "cannot read who is in the fleet",
        "cannot read what is revoked"}) {
    CAPTURE(what, log);
    CHECK(count(log, what) == 2);
  }
  CHECK(count(log, "works again") == 3);
  CHECK(count(log, "WRONGTYPE") == 3);
}

TEST_CASE("a flood of bad messages costs the log a line a second", "[fleet][redis]") {
  turntest::RedisServer redis;
  RunningBroker running(config(redis));
  REQUIRE(eventually([&] { return redis.cli({"PUBLISH", "turnbroker:recall", "bad"}) == "1\n"; }));
  REQUIRE(redis.cli({"EVAL",
                     "for i = 1, 500 do redis.call('PUBLISH', 'turnbroker:control', 'bad') end "
                     "return 'told'",
                     "0"}) == "told\n");
  const auto log = [&] { return running.host.log_text(); };
  // A slow machine may take the flood for longer than a second, and say so more than once.
  const auto told = [&] {
    const std::string text = log();
    const std::regex more("([0-9]+) more messages of the fleet are dropped");
    std::size_t sum = count(text, "a message on turnbroker:");
    for (std::sregex_iterator each(text.begin(), text.end(), more), end; each != end; ++each)
      sum += std::stoul((*each)[1]);
    return sum;
  };
  REQUIRE(eventually([&] { return told() == 501; }));
  CHECK(count(log(), "a message on turnbroker:recall is dropped") == 1);
  CHECK(count(log(), "is dropped") + count(log(), "are dropped") <= 5);
}
