// What only the Redis ledger does: it learns when it may have forgotten, refunds what lost relays hold, and
// is not led astray by what others put into its keys.
#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "conformance/redis_store.h"
#include "ledger/ledger_scripts.h"

using namespace conformance;
using broker::Grant;
using broker::UsageReport;

namespace {

constexpr std::int64_t validity_ms = 400;

std::string key_of(const broker::AccountKey& account) {
  return plugin::ledger_keys::account(account);
}

}  // namespace

TEST_CASE("a store whose witness is gone grants nothing for one validity time, and says so") {
  RedisFixture fixture(validity_ms);
  const auto report = [&](std::uint64_t granted) {
    return exchange_one(fixture.store(), relay_a,
                        Report(acme_video, 1000).granted(granted).wants(100));
  };
  CHECK(report(0).granted_octets == 100);
  int told = 0;
  fixture.ledger().on_forgotten([&] { ++told; });
  (void)RedisFixture::server().cli({"FLUSHALL"});
  const Grant learning = report(100);
  CHECK(learning.learning);
  CHECK(learning.granted_octets == 100);  // what it holds already, and no more
  CHECK(told == 1);
  Grant grant = report(100);
  while (grant.learning) grant = report(100);
  CHECK(grant.granted_octets == 200);
  // What the other relay told meanwhile counts.
  CHECK(
      exchange_one(fixture.store(), relay_b, Report(acme_video, 1000).wants(1000)).granted_octets ==
      800);
}

TEST_CASE("another server that took the data over learns, too") {
  RedisFixture fixture(validity_ms);
  CHECK(
      exchange_one(fixture.store(), relay_a, Report(acme_video, 1000).wants(100)).granted_octets ==
      100);
  const auto shard = plugin::ledger_keys::shard_of(acme_video);
  (void)RedisFixture::server().cli(
      {"HSET", plugin::ledger_keys::witness(shard), "run", "the master before"});
  CHECK(exchange_one(fixture.store(), relay_a, Report(acme_video, 1000).granted(100).wants(1))
            .learning);
}

TEST_CASE("a clock of the server that jumps back does not make it learn for ever") {
  RedisFixture fixture(validity_ms);
  const auto shard = plugin::ledger_keys::shard_of(acme_video);
  (void)RedisFixture::server().cli(
      {"HSET", plugin::ledger_keys::witness(shard), "until", "9000000000000"});
  Grant grant = exchange_one(fixture.store(), relay_a, Report(acme_video, 1000).wants(100));
  CHECK(grant.learning);
  while (grant.learning)
    grant = exchange_one(fixture.store(), relay_a, Report(acme_video, 1000).wants(100));
  CHECK(grant.granted_octets == 100);
}

TEST_CASE("how many others hold grants is told, and what they hold") {
  RedisFixture fixture;
  const broker::Incarnation relay_c{"c", 7};
  got(fixture.store().exchange(relay_a, {Report(acme_video, 1000).wants(100)}));
  got(fixture.store().exchange(relay_b, {Report(acme_video, 1000).wants(50)}));
  const auto ask = [&](const broker::Incarnation& who, const UsageReport& report) {
    return got(fixture.store().exchange(who, {report})).at(0);
  };
  Grant grant = ask(relay_c, Report(acme_video, 1000).wants(10));
  CHECK(grant.holders == 2);
  CHECK(grant.unspent_by_others_octets == 150);
  got(fixture.store().exchange(relay_a, {Report(acme_video, 1000).charged(100).granted(100)}));
  grant = ask(relay_c, Report(acme_video, 1000).granted(10));
  CHECK(grant.holders == 1);
  CHECK(grant.unspent_by_others_octets == 50);
}

TEST_CASE("who tells of nothing and is granted nothing leaves no trace") {
  RedisFixture fixture;
  const auto exists = [] { return RedisFixture::server().cli({"EXISTS", key_of(acme_video)}); };
  CHECK(exchange_one(fixture.store(), relay_a, Report(acme_video, 1000)).remaining_octets == 1000);
  CHECK(exists() == "0\n");
  CHECK(
      exchange_one(fixture.store(), relay_b, Report(acme_video, 1000).wants(400)).granted_octets ==
      400);
  CHECK(exchange_one(fixture.store(), relay_a, Report(acme_video, 1000)).remaining_octets == 600);
  // g, c, four counts, holders, and the share of b alone.
  CHECK(RedisFixture::server().cli({"HLEN", key_of(acme_video)}) == "8\n");
}

TEST_CASE("an end that broke off is open until it is taken up, and takes no report") {
  RedisFixture fixture;
  constexpr int clients = 700;
  std::vector<UsageReport> reports;
  for (int i = 0; i < clients; ++i) {
    reports.push_back(Report(acme_video, 100).charged(10).granted(40));
    reports.back().account.client = "client-" + std::to_string(i);
  }
  got(fixture.store().exchange(relay_a, reports));

  // What a process that dies with its first script under way leaves.
  namespace keys = plugin::ledger_keys;
  const std::size_t shard = keys::shard_of(acme_video);
  std::optional<broker::Result<plugin::redis::Answer>> answer;
  plugin::redis::EvalOptions options;
  options.run_id_argument = 0;
  fixture.client().eval(
      plugin::ledger_scripts::exchange(),
      {keys::witness(shard), keys::open_incarnations(shard, "a"),
       keys::ended_incarnations(shard, "a"), keys::accounts_of(shard, relay_a),
       keys::all_accounts(shard)},
      {"", "1", keys::name_of(relay_a), "end", "100"},
      [&](const broker::Result<plugin::redis::Answer>& got) { answer = got; }, options);
  while (!answer) ::event_base_loop(fixture.base(), EVLOOP_ONCE);
  REQUIRE(*answer);
  REQUIRE(answer->value().reply.has_items(3));
  CHECK(answer->value().reply.items[2].integer == 1);
  const std::string left = RedisFixture::server().cli({"SCARD", keys::accounts_of(shard, relay_a)});
  CHECK(std::stoi(left) == clients - 512);

  CHECK(got(fixture.store().open_incarnations("a")) == std::vector{relay_a});
  const auto late = fixture.store().exchange(relay_a, reports);
  REQUIRE_FALSE(late);
  CHECK(broker::says_ended(late.error()));
  CHECK(fixture.store().end(relay_a, {}));
  CHECK(got(fixture.store().open_incarnations("a")).empty());
  const auto all = got(fixture.store().usage(INT64_MIN));
  CHECK(all.size() == clients);
  for (const broker::AccountUsage& usage : all) {
    CHECK(usage.charged_octets == 10);
    CHECK(usage.granted_octets == 10);
  }
}

TEST_CASE("accounts of a period are forgotten months after it, accounts for ever are not") {
  RedisFixture fixture;
  const auto ttl_s = [&](broker::AccountKey account, std::int64_t start_s) {
    account.period_start_s = start_s;
    got(fixture.store().exchange(relay_a, {Report(account, 1000).wants(100)}));
    return std::stoll(RedisFixture::server().cli({"TTL", key_of(account)}));
  };
  CHECK(ttl_s(acme_video, 0) == -1);
  CHECK(ttl_s(acme_video, 1'790'000'000) > 99 * 86'400);
  broker::AccountKey client = acme_video;
  client.client = "alice:2";
  CHECK(ttl_s(client, 0) == -1);
  CHECK(ttl_s(client, 1'790'000'000) > 39 * 86'400);
  CHECK(ttl_s(client, 1'790'000'000) <= 40 * 86'400);
  // What was forgotten leaves the list of accounts when others come.
  const auto shard = plugin::ledger_keys::shard_of(acme_video);
  broker::AccountKey ended = acme_video;
  ended.period_start_s = 1'790'000'000;
  (void)RedisFixture::server().cli({"DEL", key_of(ended)});
  const auto is_listed = [&] {
    return RedisFixture::server().cli(
               {"SISMEMBER", plugin::ledger_keys::all_accounts(shard), key_of(ended)}) == "1\n";
  };
  CHECK(is_listed());
  for (std::int64_t day = 1; is_listed() && day < 200; ++day)
    CHECK(ttl_s(acme_video, 1'790'000'000 + 86'400 * day) > 0);
  CHECK_FALSE(is_listed());
  // It comes back with a relay that was away for so long, and is usage again.
  CHECK(ttl_s(acme_video, 1'790'000'000) > 0);
}

TEST_CASE("keys of another type or with other content are an error, and nothing is changed") {
  RedisFixture fixture;
  const std::string key = key_of(acme_video);
  const auto refused = [&] {
    const auto grants = fixture.store().exchange(relay_a, {Report(acme_video, 1000).wants(100)});
    return grants ? "granted" : grants.error().message;
  };
  SECTION("a text where the account is") {
    (void)RedisFixture::server().cli({"SET", key, "mine"});
    CHECK(refused().find("WRONGTYPE") != std::string::npos);
    CHECK(RedisFixture::server().cli({"GET", key}) == "mine\n");
  }
  SECTION("a sum that is no number") {
    (void)RedisFixture::server().cli({"HSET", key, "g", "lots"});
    CHECK(refused().find("DAMAGED") != std::string::npos);
  }
  SECTION("a share that is none") {
    (void)RedisFixture::server().cli({"HSET", key, "g", "5", "s:a:00000000000000a1", "1 2 3"});
    CHECK(refused().find("DAMAGED") != std::string::npos);
  }
  SECTION("sums that contradict the share") {
    (void)RedisFixture::server().cli(
        {"HSET", key, "g", "5", "c", "0", "s:a:00000000000000a1", "10 0 0 0 0 0 1"});
    CHECK(refused().find("DAMAGED") != std::string::npos);
  }
  SECTION("a witness of another type") {
    const auto shard = plugin::ledger_keys::shard_of(acme_video);
    (void)RedisFixture::server().cli({"SET", plugin::ledger_keys::witness(shard), "mine"});
    CHECK(refused().find("WRONGTYPE") != std::string::npos);
  }
  CHECK(got(fixture.store().open_incarnations("a")).empty());
}

TEST_CASE("what a relay that is gone holds is refunded when another lacks it, if so configured") {
  const bool refund = GENERATE(true, false);
  CAPTURE(refund);
  RedisFixture fixture(1, refund ? broker::LostGrant::refund : broker::LostGrant::charge);
  got(fixture.store().exchange(relay_a,
                               {Report(acme_video, 1000).charged(10).granted(10).wants(990)}));
  // Relay a was heard of a minute ago, by the server's clock; a day is not over.
  (void)RedisFixture::server().cli(
      {"EVAL",
       "redis.call('ZADD', 'turnbroker:{fleet}:relays', redis.call('TIME')[1] * 1000 - 60000, 'a')",
       "0"});
  fixture.ledger().recall(acme_video);
  const auto left = [&] {
    return exchange_one(fixture.store(), relay_b, Report(acme_video, 1000)).remaining_octets;
  };
  // Commands of one connection are answered in order; the refund is two of them one after the other.
  for (int i = 0; i < 50 && left() == 0; ++i) {
  }
  CHECK(left() == (refund ? 990 : 0));
  // It returns, and its own totals count.
  CHECK(fixture.store().end(relay_a, {Report(acme_video, 1000).charged(500).granted(1000)}));
  CHECK(usage_of(fixture.store(), acme_video).charged_octets == 500);
}
