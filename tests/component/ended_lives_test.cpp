// What ended incarnations told last: kept in a file, and told to a ledger that was emptied.
#include "ledger/ended_lives.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker_fixture.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"

using broker::Incarnation;
using broker::UsageReport;
using plugin::EndedLives;
using testing::allocate;
using testing::FakeRelay;
using testing::of_acme;
using testing::RunningBroker;

namespace {

UsageReport used(const std::string& client, std::uint64_t octets) {
  UsageReport report;
  report.account = {"acme", broker::MediaType::video, 1'790'000'000, client};
  report.limit_octets = 1'000;
  report.used = {{octets, 1}, {2, 3}};
  report.charged_octets = report.granted_octets = octets;
  report.sequence = 7;
  return report;
}

EndedLives opened(const turntest::TempDir& directory) {
  auto lives = EndedLives::open(directory.path() / "lives.json");
  if (!lives) throw std::runtime_error(lives.error().message);
  return std::move(lives).value();
}

/// Of the CSP, and of so many of its clients.
std::vector<UsageReport> used_by(std::size_t clients) {
  std::vector<UsageReport> reports;
  for (std::size_t i = 0; i < clients / 2; ++i) reports.push_back(used(std::to_string(i), 1));
  reports.push_back(used("", clients));
  while (reports.size() < clients + 1) reports.push_back(used(std::to_string(reports.size()), 1));
  return reports;
}

std::size_t clients_of(const EndedLives::Life& life) {
  return static_cast<std::size_t>(std::ranges::count_if(
      life.reports, [](const UsageReport& report) { return !report.account.client.empty(); }));
}

std::string config(const turntest::RedisServer& redis, const std::string& id = "fra1") {
  return "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis.address() +
         "\"\nvalidity_time = \"1s\"\n[relay]\nid = \"" + id + "\"\n" + testing::acme("1 MB");
}

std::string charged(turntest::RedisServer& redis) {
  for (int shard = 0; shard < 16; ++shard) {
    const std::string key = "turnbroker:{tb" + std::to_string(shard) + "}:account:acme:data:0:";
    if (redis.cli({"EXISTS", key}) == "1\n") return redis.cli({"HGET", key, "c"});
  }
  return "";
}

}  // namespace

TEST_CASE("ended lives are kept whole in a file") {
  const turntest::TempDir directory;
  auto lives = opened(directory);
  CHECK(lives.all().empty());
  const Incarnation first{"fra1", 0xfedcba9876543210};
  REQUIRE(lives.remember(first, {used("", 9'000'000'000'000), used("bob", 5)}, 100));
  REQUIRE(lives.remember({"fra1", 2}, {used("", 1)}, 200));
  const auto again = opened(directory);
  REQUIRE(again.all().size() == 2);
  const auto* found = again.find(first);
  REQUIRE(found != nullptr);
  CHECK(found->ended_s == 100);
  REQUIRE(found->reports.size() == 2);
  CHECK(found->reports[1].account == used("bob", 5).account);
  CHECK(found->reports[0].used == used("", 9'000'000'000'000).used);
  CHECK(found->reports[0].charged_octets == 9'000'000'000'000);
  CHECK(found->reports[0].granted_octets == 9'000'000'000'000);
  CHECK(found->reports[0].sequence == 7);
  CHECK(found->reports[0].limit_octets == 1'000);
  CHECK(again.find({"fra2", first.id}) == nullptr);
}

TEST_CASE("ended lives are bounded by number, time and what they used") {
  const turntest::TempDir directory;
  auto lives = opened(directory);
  UsageReport nothing = used("", 0);
  nothing.used = {};
  REQUIRE(lives.remember({"fra1", 1}, {nothing}, 0));
  CHECK(lives.all().empty());
  REQUIRE(lives.remember({"fra1", 2}, {used("", 1), nothing}, 0));
  CHECK(lives.all().front().reports.size() == 1);
  REQUIRE(lives.remember({"fra1", 3}, {used("", 1)}, EndedLives::kept_s + 1));
  CHECK(lives.find({"fra1", 2}) == nullptr);
  for (std::uint64_t id = 10; id < 12; ++id)
    REQUIRE(lives.remember({"fra1", id},
                           std::vector<UsageReport>(EndedLives::reports_max / 2, used("", 1)),
                           EndedLives::kept_s + 2));
  CHECK(lives.find({"fra1", 3}) == nullptr);
  CHECK(lives.all().size() == 2);
}

TEST_CASE("of too many reports those of clients go first, the oldest life's before others") {
  constexpr std::size_t most = EndedLives::reports_max;
  const turntest::TempDir directory;
  auto lives = opened(directory);
  REQUIRE(lives.remember({"fra1", 1}, used_by(100), 0));
  CHECK(lives.dropped() == 0);
  REQUIRE(lives.remember({"fra1", 2}, used_by(most - 52), 0));
  REQUIRE(lives.all().size() == 2);
  CHECK(clients_of(lives.all()[0]) == 50);
  CHECK(clients_of(lives.all()[1]) == most - 52);
  CHECK(lives.dropped() == 50);

  // More than may be kept, in one life: all it has of the CSP is there, and all that others have of theirs.
  REQUIRE(lives.remember({"fra1", 3}, used_by(most + 1'000), 0));
  const auto again = opened(directory);
  REQUIRE(again.all().size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(again.all()[i].reports.size() - clients_of(again.all()[i]) == 1);
    CHECK(clients_of(again.all()[i]) == (i == 2 ? most - 3 : 0));
  }

  // No clients are left to go instead.
  REQUIRE(lives.remember({"fra1", 4}, std::vector<UsageReport>(most - 1, used("", 1)), 0));
  REQUIRE(lives.all().size() == 2);
  CHECK(lives.all()[0].who.id == 3);
  CHECK(lives.all()[0].reports.size() == 1);
  REQUIRE(lives.remember({"fra1", 5}, std::vector<UsageReport>(most + 5, used("", 1)), 0));
  REQUIRE(lives.all().size() == 1);
  CHECK(lives.all()[0].reports.size() == most);
  CHECK(lives.dropped() == most + 5);
}

TEST_CASE("a file of ended lives that is damaged is named") {
  const turntest::TempDir directory;
  for (const char* text :
       {"", "{}", "[]", "{\"version\":2,\"lives\":[]}", "{\"version\":1,\"lives\":[{\"relay\":1}]}",
        "{\"version\":1,\"lives\":[{\"relay\":\"a\",\"incarnation\":-1}]}"}) {
    directory.write("lives.json", text);
    const auto lives = EndedLives::open(directory.path() / "lives.json");
    REQUIRE_FALSE(lives);
    CHECK_THAT(lives.error().message, Catch::Contains("lives.json is damaged"));
  }
}

TEST_CASE("amounts and times of ended lives are whole numbers") {
  const turntest::TempDir directory;
  const auto with = [](const std::string& charged, const std::string& ended) {
    return R"({"version":1,"lives":[{"relay":"a","incarnation":1,"ended":)" + ended +
           R"(,"reports":[{"csp":"acme","media":"data","period_start":0,"client":"",)"
           R"("limit_octets":9,"charged_octets":)" +
           charged + R"(,"octets":[1,2],"packets":[1,2],"sequence":1}]}]})";
  };
  const auto open = [&](const std::string& text) {
    directory.write("lives.json", text);
    return EndedLives::open(directory.path() / "lives.json");
  };
  CHECK(open(with("3", "4")).ok());
  for (const char* number : {"-1", "1.5", "1e300", "\"3\"", "true"})
    CHECK_FALSE(open(with(number, "4")).ok());
  for (const char* number : {"1.5", "1e300", "9223372036854775808"})
    CHECK_FALSE(open(with("3", number)).ok());
  // At the end of time, and kept for a while from then on.
  auto late = open(with("3", "9223372036854775807"));
  REQUIRE(late);
  REQUIRE(late.value().remember({"a", 2}, {used("", 1)}, 0));
  CHECK(late.value().all().size() == 2);
}

TEST_CASE("a ledger that was emptied hears of what earlier lives used, once", "[fleet][redis]") {
  turntest::RedisServer redis;
  RunningBroker running(config(redis));
  const auto relay_some = [&] {
    FakeRelay relay(running.broker(), running.host, 0);
    testing::FakeAllocation call;
    REQUIRE(testing::eventually([&] { return allocate(relay, of_acme("alice"), call) == 0; }));
    for (int i = 0; i < 4; ++i)
      REQUIRE(testing::eventually([&] { return relay.relay(call, TURN_CLIENT_TO_PEER, 10'000); }));
    relay.close(call, TURN_CLOSE_RELEASED);
  };
  relay_some();
  running.stop();
  CHECK(charged(redis) == "40000\n");
  running.start();
  relay_some();
  running.stop();
  CHECK(charged(redis) == "80000\n");

  SECTION("while the relay was away") {
    REQUIRE(redis.cli({"FLUSHALL"}) == "OK\n");
    running.start();
  }
  SECTION("while it runs") {
    running.start();
    CHECK(charged(redis) == "80000\n");
    FakeRelay relay(running.broker(), running.host, 0);
    testing::FakeAllocation call;
    REQUIRE(testing::eventually([&] { return allocate(relay, of_acme("bob"), call) == 0; }));
    REQUIRE(redis.cli({"FLUSHALL"}) == "OK\n");
    CHECK(testing::eventually([&] { return charged(redis) == "80000\n"; }));
    relay.close(call, TURN_CLOSE_RELEASED);
  }
  CHECK(testing::eventually([&] { return charged(redis) == "80000\n"; }));
  running.stop();
  CHECK(charged(redis) == "80000\n");
}
