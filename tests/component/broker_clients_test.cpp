// The whole broker, without coturn: clients with a share of their own, and the room that they take.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "broker_fixture.h"
#include "sqlite/sqlite_ledger.h"

using namespace testing;

namespace {

const std::string small_table = "[broker.limits]\naccounts_max = 64\n";
const std::string beta =
    "[csp.beta]\nsecret = \"beta-secret-0123456789\"\n[csp.beta.quota.data]\nvolume = \"1 MB\"\n"
    "period = \"total\"\nper_client = \"1 kB\"\n";
constexpr int many = 100;

Credentials of_beta(const std::string& client) {
  return mint("beta-secret-0123456789", "beta/data/" + client, far_future_s);
}

std::string name(int i) { return "client-" + std::to_string(i); }

/// How often each code was answered to clients who come and go at once.
std::map<int, int> answers(FakeRelay& relay, int clients) {
  std::map<int, int> codes;
  for (int i = 0; i < clients; ++i) {
    FakeAllocation one;
    const int code = allocate(relay, of_acme(name(i)), one);
    ++codes[code];
    if (code == 0) relay.close(one, TURN_CLOSE_RELEASED);
  }
  return codes;
}

std::size_t rows_of_acme(const RunningBroker& running) {
  auto store =
      plugin::SqliteLedger::open((running.directory() / "state" / "ledger.sqlite3").string());
  REQUIRE(store);
  const auto usages = store.value()->usage(0).value();
  return static_cast<std::size_t>(std::ranges::count_if(
      usages, [](const broker::AccountUsage& usage) { return usage.account.csp == "acme"; }));
}

}  // namespace

TEST_CASE("clients that are refused for want of a place take no room from others") {
  RunningBroker running(small_table + acme("1 MB", "per_client = \"1 kB\"\nallocations = 1") +
                        beta);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation first = allocated(relay, of_acme("alice"));
  CHECK(answers(relay, many) == std::map<int, int>{{486, many}});
  FakeAllocation bob = allocated(relay, of_beta("bob"));
  relay.close(bob, TURN_CLOSE_RELEASED);
  relay.close(first, TURN_CLOSE_RELEASED);
  running.stop();
  CHECK(rows_of_acme(running) <= 2);
}

TEST_CASE("clients of an exhausted CSP take no room") {
  RunningBroker running(small_table + acme("10 kB", "per_client = \"6 kB\"") + beta);
  FakeRelay relay(running.broker(), running.host, 0);
  for (const char* client : {"alice", "carol"}) {
    FakeAllocation one = allocated(relay, of_acme(client));
    relay_until_cut(running, relay, one);
    relay.close(one, TURN_CLOSE_QUOTA_EXHAUSTED);
  }
  CHECK(answers(relay, many) == std::map<int, int>{{486, many}});
  FakeAllocation bob = allocated(relay, of_beta("bob"));
  relay.close(bob, TURN_CLOSE_RELEASED);
  running.stop();
  // The CSP, and the two who used it up.
  CHECK(rows_of_acme(running) == 3);
}

TEST_CASE("clients of one CSP leave the clients of each other their own room") {
  RunningBroker running(small_table + acme("1 MB", "per_client = \"1 kB\"") + beta);
  FakeRelay relay(running.broker(), running.host, 0);
  const auto codes = answers(relay, many);
  CHECK(codes.at(0) > 32);
  CHECK(codes.at(508) > 0);
  CHECK(running.host.log_text().find("the meter table is full") != std::string::npos);
  for (int i = 0; i < 4; ++i) {
    FakeAllocation one = allocated(relay, of_beta(name(i)));
    relay.close(one, TURN_CLOSE_RELEASED);
  }
}

TEST_CASE("so many client names as `clients` says have a share in a period") {
  constexpr std::int64_t day_s = 86'400;
  constexpr std::int64_t evening_s = 20'750 * day_s - 60;
  RunningBroker running(acme("1 MB", "per_client = \"1 kB\"\nclients = 3", "day"), evening_s);
  FakeRelay relay(running.broker(), running.host, 0);
  CHECK(answers(relay, 5) == std::map<int, int>{{0, 3}, {508, 2}});
  CHECK(running.host.log_text().find("as many client names as `clients` allows") !=
        std::string::npos);
  // Those that were there may come again.
  CHECK(answers(relay, 3) == std::map<int, int>{{0, 3}});
  // More of them are allowed at once.
  running.write_config(acme("1 MB", "per_client = \"1 kB\"\nclients = 4", "day"));
  REQUIRE(eventually([&] { return answers(relay, 4) == std::map<int, int>{{0, 4}}; }));
  running.clock.set_unix_s(evening_s + 120);
  REQUIRE(eventually([&] {
    relay.tick();
    FakeAllocation one;
    const int code = allocate(relay, of_acme("somebody-new"), one);
    if (code == 0) relay.close(one, TURN_CLOSE_RELEASED);
    return code == 0;
  }));
}

TEST_CASE("calls of more clients than may be new go on in the next period") {
  constexpr std::int64_t day_s = 86'400;
  constexpr std::int64_t evening_s = 20'750 * day_s - 60;
  RunningBroker running(acme("1 MB", "per_client = \"10 kB\"\nclients = 3", "day"), evening_s);
  FakeRelay relay(running.broker(), running.host, 0);
  std::vector<FakeAllocation> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(allocated(relay, of_acme(name(i))));
  running.write_config(acme("1 MB", "per_client = \"10 kB\"\nclients = 1", "day"));
  REQUIRE(
      eventually([&] { return running.host.log_text().find("reloaded") != std::string::npos; }));
  running.clock.set_unix_s(evening_s + 120);
  REQUIRE(eventually([&] { return running.host.log_text().find("is over") != std::string::npos; }));
  for (FakeAllocation& call : calls) {
    CHECK(eventually([&] {
      relay.tick();
      return relay.relay(call, TURN_CLIENT_TO_PEER, 100);
    }));
    relay.close(call, TURN_CLOSE_RELEASED);
  }
  CHECK(answers(relay, 5) == std::map<int, int>{{0, 3}, {508, 2}});
}
