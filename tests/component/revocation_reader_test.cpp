// What is revoked, read from a ledger that relays share: at a bounded pace, whatever tells of more.
#include "broker/revocation_reader.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "broker/credentials.h"
#include "broker_fixture.h"
#include "support/redis_server.h"

using plugin::RevocationReader;
using Revocation = RevocationReader::Revocation;
using Revocations = std::vector<Revocation>;

namespace {

constexpr std::int64_t start_s = 1'790'000'000;

/// A ledger that is asked for revocations only, and answers when the test says so.
class AskedLedger final : public broker::LedgerLink {
 public:
  struct Asked {
    broker::UnixSeconds since_s;
    Done<Revocations> done;
  };

  void revocations(broker::UnixSeconds since_s, Done<Revocations> done) override {
    asked.push_back({since_s, std::move(done)});
  }
  void answer(broker::Result<Revocations> list) {
    Asked oldest = std::move(asked.front());
    asked.erase(asked.begin());
    oldest.done(std::move(list));
  }

  void exchange(const broker::Incarnation&, std::vector<broker::UsageReport>,
                Done<std::vector<broker::Grant>>) override {}
  void end(const broker::Incarnation&, std::vector<broker::UsageReport>,
           Done<broker::Nothing>) override {}
  void write_off(const broker::Incarnation&, Done<broker::Nothing> done) override {
    done(broker::Nothing{});
  }
  void open_incarnations(const std::string&, Done<std::vector<broker::Incarnation>>) override {}
  void usage(broker::UnixSeconds, Done<std::vector<broker::AccountUsage>>) override {}
  void revoke(const std::string&, broker::UnixSeconds, broker::UnixSeconds,
              Done<broker::Nothing>) override {}
  [[nodiscard]] bool is_shared() const override { return true; }
  [[nodiscard]] std::int64_t valid_until_ms() const override { return 0; }
  [[nodiscard]] std::int64_t learns_ms() const override { return 0; }
  [[nodiscard]] std::int64_t report_interval_ms() const override { return 0; }
  void look_for_loss() override {}
  void recall(const broker::AccountKey&) override {}
  void tell_exhausted(const broker::AccountKey&) override {}

  std::vector<Asked> asked;
};

class SetClock final : public plugin::Clock {
 public:
  std::int64_t now_ms = 1;
  [[nodiscard]] std::int64_t unix_ms() const override { return start_s * 1'000 + now_ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
};

struct Fixture {
  AskedLedger ledger;
  SetClock clock;
  std::vector<std::pair<Revocations, bool>> taken;
  std::vector<std::string> outcomes;
  RevocationReader reader{
      ledger, clock,
      [this](Revocations list, bool all) { taken.emplace_back(std::move(list), all); },
      [this](const broker::Status& status) {
        outcomes.push_back(status ? "" : status.error().message);
      }};
};

std::string config(const turntest::RedisServer& redis) {
  return "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis.address() +
         "\"\nvalidity_time = \"1s\"\n[relay]\nid = \"fra1\"\n" + testing::acme("1 MB");
}

std::size_t walks(const turntest::RedisServer& redis) {
  // Each reads the revocations' set once at least; the registry reads one of its own.
  const std::string text = redis.cli({"INFO", "commandstats"});
  const std::string name = "cmdstat_zrangebyscore:calls=";
  const std::size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::stoul(text.substr(at + name.size()));
}

/// Kept as by another relay, at the broker's time.
std::string revoke_elsewhere(const turntest::RedisServer& redis, int first, int last) {
  return redis.cli({"EVAL",
                    "for i = ARGV[1], ARGV[2] do "
                    "redis.call('HSET', KEYS[1], 'client:c' .. i, ARGV[3]) "
                    "redis.call('ZADD', KEYS[2], ARGV[4], 'client:c' .. i) end return 'kept'",
                    "2", "turnbroker:{tb0}:revoked:since", "turnbroker:{tb0}:revoked:until",
                    std::to_string(first), std::to_string(last), std::to_string(start_s),
                    std::to_string(start_s + broker::credential_ttl_s_max)});
}

std::size_t resident_kb() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * 4;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the list is read once at a time and once a second at most") {
  for (int i = 0; i < 600; ++i) reader.hear();
  REQUIRE(ledger.asked.size() == 1);
  CHECK(ledger.asked[0].since_s == start_s);
  clock.now_ms += 5'000;
  reader.hear();
  reader.look();
  REQUIRE(ledger.asked.size() == 1);
  ledger.answer(Revocations{{"client:a", 1, 2}});
  REQUIRE(taken.size() == 1);
  CHECK(taken[0] == std::pair(Revocations{{"client:a", 1, 2}}, true));

  // What came meanwhile may not have been in it.
  reader.look();
  REQUIRE(ledger.asked.size() == 1);
  ledger.answer(Revocations{});
  for (int i = 0; i < 600; ++i) reader.hear();
  CHECK(ledger.asked.empty());
  clock.now_ms += RevocationReader::pause_ms - 1;
  reader.look();
  CHECK(ledger.asked.empty());
  clock.now_ms += 1;
  reader.look();
  REQUIRE(ledger.asked.size() == 1);
  ledger.answer(Revocations{});
  clock.now_ms += 10 * RevocationReader::pause_ms;
  reader.look();
  CHECK(ledger.asked.empty());
}

TEST_CASE_METHOD(Fixture, "after the whole list only what is newer is read, for half a minute") {
  reader.look();
  ledger.answer(Revocations{});
  clock.now_ms += 2'000;
  reader.hear();
  REQUIRE(ledger.asked.size() == 1);
  CHECK(ledger.asked[0].since_s ==
        start_s + broker::credential_ttl_s_max - RevocationReader::skew_s);
  ledger.answer(Revocations{{"client:b", 1, 2}});
  REQUIRE(taken.size() == 2);
  CHECK_FALSE(taken[1].second);
  clock.now_ms += RevocationReader::all_interval_ms;
  reader.look();
  REQUIRE(ledger.asked.size() == 1);
  CHECK(ledger.asked[0].since_s == clock.unix_ms() / 1'000);
}

TEST_CASE_METHOD(Fixture, "a list that cannot be read is asked for again, with a pause") {
  reader.hear();
  ledger.answer(broker::Error{"NOPERM"});
  CHECK(taken.empty());
  CHECK(outcomes == std::vector<std::string>{"NOPERM"});
  for (int i = 0; i < 600; ++i) reader.hear();
  CHECK(ledger.asked.empty());
  clock.now_ms += RevocationReader::again_after_error_ms;
  reader.look();
  REQUIRE(ledger.asked.size() == 1);
  CHECK(ledger.asked[0].since_s == clock.unix_ms() / 1'000);
  ledger.answer(Revocations{});
  CHECK(outcomes.back().empty());
}

TEST_CASE("a burst of messages of revocations costs a relay a few looks, and the last one counts",
          "[fleet][redis]") {
  turntest::RedisServer redis;
  REQUIRE(revoke_elsewhere(redis, 1, 3'000) == "kept\n");
  testing::RunningBroker running(config(redis), start_s);
  testing::FakeRelay relay(running.broker(), running.host, 0);
  REQUIRE(testing::eventually([&] {
    return redis.cli({"PUBSUB", "NUMSUB", "turnbroker:control"}) == "turnbroker:control\n1\n";
  }));
  testing::FakeAllocation call;
  REQUIRE(testing::eventually(
      [&] { return allocate(relay, testing::of_acme("alice", start_s + 600), call) == 0; }));
  const std::size_t before = walks(redis);
  REQUIRE(redis.cli({"EVAL",
                     "for i = 1, 500 do redis.call('PUBLISH', 'turnbroker:control', ARGV[1]) end "
                     "redis.call('HSET', KEYS[1], 'client:acme/data/alice', ARGV[2]) "
                     "redis.call('ZADD', KEYS[2], ARGV[3], 'client:acme/data/alice') "
                     "redis.call('PUBLISH', 'turnbroker:control', ARGV[1]) return 'told'",
                     "2", "turnbroker:{tb0}:revoked:since", "turnbroker:{tb0}:revoked:until",
                     R"({"v":1,"do":"revoked"})", std::to_string(start_s + 3'600),
                     std::to_string(start_s + broker::credential_ttl_s_max)}) == "told\n");
  REQUIRE(testing::eventually([&] { return running.host.cancelled(call.id).has_value(); }));
  relay.close(call, TURN_CLOSE_REVOKED);
  CHECK(walks(redis) - before < 40);
}

TEST_CASE("revoking one by one copies no long list each time", "[fleet][redis]") {
  turntest::RedisServer redis;
  REQUIRE(revoke_elsewhere(redis, 1, 50'000) == "kept\n");
  testing::RunningBroker running(config(redis), start_s);
  const std::size_t before_kb = resident_kb();
  std::atomic<int> revoked = 0;
  std::atomic<bool> done = false;
  REQUIRE(running.broker().post([&](plugin::Control& control) {
    for (int i = 0; i < 300; ++i)
      if (control.revoke("acme/data/n" + std::to_string(i), "")) ++revoked;
    done = true;
  }));
  REQUIRE(testing::eventually([&] { return done.load(); }));
  CHECK(revoked == 300);
  REQUIRE(testing::eventually([&] {
    return redis.cli({"HLEN", "turnbroker:{tb0}:revoked:since"}) == "50300\n";
  }));
  CHECK(resident_kb() - std::min(before_kb, resident_kb()) < 200'000);
}
