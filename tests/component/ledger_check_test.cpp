// A running broker looks its ledger over: what relays do adds up at every moment, and what somebody else
// does to it is found, by SQLite and by Redis.
#include <sqlite3.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "broker_fixture.h"
#include "ledger/ledger_keys.h"
#include "raw_client.h"
#include "support/redis_server.h"

using namespace testing;
using Catch::Matchers::Contains;
using Json = nlohmann::json;

namespace {

Json ask(RunningBroker& running, const std::string& path) {
  raw::Client client((running.directory() / "state" / "control.sock").string());
  client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.receive_until_closed();
  INFO(answer);
  REQUIRE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  return Json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

Json check(RunningBroker& running) {
  Json answer = ask(running, "/v1/admin/ledger/check");
  UNSCOPED_INFO(answer.dump(1));
  return answer;
}

bool has(const Json& answer, const std::string& kind) {
  for (const Json& finding : answer.at("findings"))
    if (finding.at("kind") == kind) return true;
  return false;
}

std::string on_redis(const turntest::RedisServer& redis, const std::string& relay_id = "fra-1") {
  return "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis.address() +
         "\"\nvalidity_time = \"1s\"\nreport_interval = \"1s\"\n[relay]\nid = \"" + relay_id +
         "\"\n";
}

/// Relays without a pause until it is destroyed.
class Traffic {
 public:
  explicit Traffic(RunningBroker& running)
      : thread_([this, &running] {
          FakeRelay relay(running.broker(), running.host, 0);
          FakeAllocation allocation;
          REQUIRE(allocate(relay, of_acme("alice"), allocation) == 0);
          while (!stop_) {
            relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
            relay.tick();
            if (++packets_ % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
          relay.close(allocation, TURN_CLOSE_RELEASED);
        }) {}
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
  ~Traffic() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] int packets() const { return packets_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> packets_{0};
  std::thread thread_;
};

void relay_some(RunningBroker& running) {
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  for (int i = 0; i < 5; ++i) REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  relay.close(allocation, TURN_CLOSE_RELEASED);
}

/// All that was relayed is reported, and nothing is told any more.
void wait_until_quiet(RunningBroker& running) {
  REQUIRE(eventually([&] {
    const Json answer = ask(running, "/v1/admin/ledger/check");
    const Json usage = ask(running, "/v1/admin/fleet/usage");
    return answer.at("findings").empty() && !usage.at("accounts").empty() &&
           usage.at("accounts")[0].at("used_octets") == 5'000;
  }));
}

}  // namespace

TEST_CASE("the ledger adds up at every moment while a relay is at work", "[ledger-check]") {
  std::optional<turntest::RedisServer> redis;
  const bool shared = GENERATE(false, true);
  if (shared) redis.emplace();
  RunningBroker running((shared ? on_redis(*redis) : "") +
                        acme("100 GB", "per_client = \"50 GB\"\n"));
  // An empty Redis may be one that forgot, and grants nothing at first.
  REQUIRE(eventually([&] { return !has(check(running), "own_not_checked"); }));
  const Traffic traffic(running);
  REQUIRE(eventually([&] { return traffic.packets() > 1'000; }));
  bool unreported = false;
  for (int i = 0; i < 300; ++i) {
    const Json answer = check(running);
    REQUIRE(answer.at("ok") == true);
    CHECK(answer.at("complete") == true);
    CHECK(answer.at("accounts") == 2);
    unreported = unreported || has(answer, "not_reported");
  }
  CHECK(unreported);
}

TEST_CASE("what was changed in the file of the ledger is found", "[ledger-check]") {
  RunningBroker running(acme("1 MB"));
  relay_some(running);
  wait_until_quiet(running);
  const auto execute = [&](const std::string& sql) {
    sqlite3* handle = nullptr;
    REQUIRE(sqlite3_open((running.directory() / "state" / "ledger.sqlite3").c_str(), &handle) ==
            SQLITE_OK);
    const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(handle);
    REQUIRE(code == SQLITE_OK);
  };
  SECTION("a share that says less than was reported, with fitting totals") {
    execute(
        "UPDATE shares SET client_to_peer_octets = 4000, charged_octets = 4000; "
        "UPDATE accounts SET client_to_peer_octets = 4000, charged_octets = 4000");
    const Json answer = check(running);
    CHECK(answer.at("ok") == false);
    CHECK(has(answer, "own_share_differs"));
  }
  SECTION("a grant beyond the limit") {
    execute(
        "UPDATE shares SET granted_octets = 2000000; UPDATE accounts SET granted_octets = 2000000");
    const Json answer = check(running);
    CHECK(answer.at("faults") == 1);
    CHECK(has(answer, "granted_beyond_limit"));
    CHECK(answer.at("findings")[0].at("csp") == "acme");
    CHECK(answer.at("findings")[0].at("period_start") == nullptr);
  }
  SECTION("a share that is gone") {
    execute("DELETE FROM shares");
    CHECK(has(check(running), "own_share_missing"));
  }
}

TEST_CASE("a limit that was lowered below what is granted is no fault", "[ledger-check]") {
  RunningBroker running(acme("1 MB"));
  relay_some(running);
  wait_until_quiet(running);
  running.write_config(acme("2 kB"));
  REQUIRE(eventually([&] { return has(check(running), "limit_was_lowered"); }));
  CHECK(check(running).at("ok") == true);
  CHECK(ask(running, "/v1/admin/fleet/usage").at("accounts")[0].at("limit_octets") == 2'000);
}

TEST_CASE("what was changed in the ledger in Redis is found", "[ledger-check]") {
  turntest::RedisServer redis;
  RunningBroker running(on_redis(redis) + acme("1 MB"));
  REQUIRE(eventually([&] { return !has(check(running), "own_not_checked"); }));
  relay_some(running);
  wait_until_quiet(running);
  namespace keys = plugin::ledger_keys;
  const broker::AccountKey account{"acme", broker::MediaType::data, 0, ""};
  SECTION("a total") {
    (void)redis.cli({"HINCRBY", keys::account(account), "g", "7"});
    const Json answer = check(running);
    CHECK(answer.at("ok") == false);
    CHECK(has(answer, "unspent_of_nobody"));
    CHECK_THAT(answer.at("findings")[0].at("text").get<std::string>(),
               Contains("7 octets are granted to nobody"));
  }
  SECTION("the list of accounts") {
    (void)redis.cli({"SREM", keys::all_accounts(keys::shard_of(account)), keys::account(account)});
    CHECK(has(check(running), "account_not_listed"));
  }
  SECTION("a relay that was never heard of again") {
    (void)redis.cli({"HSET", keys::account(account), "s:gone:00000000000000c1", "0 0 0 0 0 0 1"});
    (void)redis.cli({"SADD", keys::open_incarnations(keys::shard_of(account), "gone"),
                     "gone:00000000000000c1"});
    (void)redis.cli({"SADD", keys::accounts_of(keys::shard_of(account), {"gone", 0xC1}),
                     keys::account(account)});
    const Json answer = check(running);
    CHECK(answer.at("ok") == true);
    CHECK(has(answer, "relay_gone"));
  }
}

TEST_CASE("the whole fleet's usage is told with what each relay has of it", "[ledger-check]") {
  turntest::RedisServer redis;
  RunningBroker first(on_redis(redis, "fra-1") + acme("1 MB", "", "month"));
  REQUIRE(eventually([&] { return !has(check(first), "own_not_checked"); }));
  relay_some(first);
  const auto usage = [&](const std::string& query = "") {
    return ask(first, "/v1/admin/fleet/usage" + query).at("accounts");
  };
  REQUIRE(eventually([&] { return !usage().empty() && usage()[0].at("used_octets") == 5'000; }));
  CHECK(usage()[0].at("period") == "2026-09");
  CHECK(usage()[0].at("period_start") == "2026-09-01T00:00:00Z");
  CHECK(usage()[0].at("limit_octets") == 1'000'000);
  CHECK_FALSE(usage()[0].contains("relays"));
  const Json shares = usage("?by_relay=1")[0].at("relays");
  REQUIRE(shares.size() == 1);
  CHECK(shares[0].at("relay") == "fra-1");
  CHECK(shares[0].at("state") == "open");
  CHECK(shares[0].at("used_octets") == 5'000);
  // An account of a CSP that this relay does not know.
  const broker::AccountKey other{"bigco", broker::MediaType::audio, 0, ""};
  namespace keys = plugin::ledger_keys;
  (void)redis.cli({"HSET", keys::account(other), "g", "9", "c", "9", "o0", "9"});
  (void)redis.cli({"SADD", keys::all_accounts(keys::shard_of(other)), keys::account(other)});
  REQUIRE(usage().size() == 2);
  CHECK(usage()[1].at("csp") == "bigco");
  CHECK(usage()[1].at("period") == "total");
  CHECK(usage()[1].at("limit_octets") == nullptr);
  CHECK(usage("?csp=acme").size() == 1);
  const Json left = usage("?csp=bigco&by_relay=1")[0].at("relays");
  REQUIRE(left.size() == 1);
  CHECK(left[0].at("relay") == nullptr);
  CHECK(left[0].at("used_octets") == 9);
}
