// The metrics of a running broker: over HTTP and the control socket, across periods, without names.
#include "api_client.h"
#include "broker_fixture.h"
#include "exposition_parser.h"
#include "metrics/exposition.h"
#include "raw_client.h"
#include "support/redis_server.h"
#include "text_count.h"

using namespace testing;
using exposition_test::Labels;
using exposition_test::Parser;

namespace {

const std::string admin_token = "admin-token-0123456789";
const api_client::Headers as_admin{{"Authorization", "Bearer " + admin_token}};
const Labels quota{{"csp", "acme"}, {"media", "data"}};

Labels with(Labels labels, const std::string& name, const std::string& value) {
  labels.emplace(name, value);
  return labels;
}

const Labels to_peer = with(quota, "direction", "client_to_peer");
const Labels to_client = with(quota, "direction", "peer_to_client");

std::string http() {
  return "[broker.http]\nlisten = \"127.0.0.1:0\"\nadmin_token = \"" + admin_token +
         "\"\nrequests_per_address = 100000\n";
}

std::string text_of(RunningBroker& running) {
  const auto answer = api_client::get(running.broker().api_urls().at(0) + "/metrics", as_admin);
  REQUIRE(answer.status == 200);
  return answer.body;
}

Parser scrape(RunningBroker& running) { return Parser(text_of(running)); }

double relayed(const Parser& read) { return read.value("turnbroker_relayed_bytes_total", to_peer); }

}  // namespace

TEST_CASE("a scrape tells what was relayed a moment ago, and names nobody", "[metrics]") {
  RunningBroker running(http() + acme("10 kB", "per_client = \"5 kB\"\n"));
  const std::string url = running.broker().api_urls().at(0) + "/metrics";
  CHECK(api_client::get(url).status == 401);
  CHECK(api_client::get(url, {{"Authorization", "Bearer wrong"}}).status == 401);
  const auto answer = api_client::get(url, as_admin);
  CHECK(answer.head.find("Content-Type: " + std::string(plugin::exposition_content_type)) !=
        std::string::npos);

  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation alice = allocated(relay, of_acme("alice-the-secret"));
  FakeAllocation bob = allocated(relay, of_acme("bob-the-secret"));
  for (int i = 0; i < 3; ++i) REQUIRE(relay.relay(alice, TURN_CLIENT_TO_PEER, 1'000));
  REQUIRE(relay.relay(bob, TURN_PEER_TO_CLIENT, 500));
  const std::string text = text_of(running);
  const Parser read(text);
  CHECK(relayed(read) == 3'000);
  CHECK(read.value("turnbroker_relayed_bytes_total", to_client) == 500);
  CHECK(read.value("turnbroker_relayed_packets_total", to_peer) == 3);
  CHECK(read.value("turnbroker_quota_limit_bytes", quota) == 10'000);
  CHECK(read.value("turnbroker_quota_used_bytes", quota) == 3'500);
  CHECK(read.value("turnbroker_quota_unused_bytes", quota) == 6'500);
  CHECK(read.value("turnbroker_quota_exhausted", quota) == 0);
  CHECK(read.value("turnbroker_allocations", quota) == 2);
  CHECK(read.value("turnbroker_accounts") == 3);
  CHECK(read.value("turnbroker_ledger_reachable") == 1);
  CHECK(read.value("turnbroker_ledger_exchanges_total") >= 1);
  CHECK(read.value("turnbroker_relay_up", {{"relay", "relay"}}) == 1);
  for (const char* name : {"alice", "bob", "the-secret", "127.0.0.1", "192.0.2."})
    CHECK(text.find(name) == std::string::npos);

  relay_until_cut(running, relay, alice);
  relay.close(alice, TURN_CLOSE_QUOTA_EXHAUSTED);
  relay.close(bob, TURN_CLOSE_RELEASED);
  FakeAllocation refused;
  CHECK(allocate(relay, of_acme("alice-the-secret"), refused) == 486);
  const auto closed = [&](const char* reason) {
    return scrape(running).value("turnbroker_allocations_closed_total",
                                 with(quota, "reason", reason));
  };
  CHECK(eventually([&] { return closed("quota_exhausted") == 1 && closed("released") == 1; }));
  const Parser after = scrape(running);
  CHECK(after.value("turnbroker_admissions_refused_total", {{"reason", "quota"}}) == 1);
  CHECK(after.value("turnbroker_records_written_total") == 2);
  CHECK(after.value("turnbroker_allocations", quota) == 0);
  CHECK(relayed(after) == 5'000);
}

TEST_CASE("counters never go back, whatever becomes of periods and accounts", "[metrics]") {
  // 2026-09-30T23:59:50Z
  RunningBroker running(http() + acme("100 kB", "", "month"), 1'790'812'790);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  double before = 0;
  const auto is_monotonic = [&](double sum) {
    const bool good = sum >= before;
    before = sum;
    return good;
  };
  double sent = 0;
  const auto send = [&] {
    if (relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000)) sent += 1'000;
    relay.tick();
  };
  for (int i = 0; i < 9; ++i) send();
  CHECK(is_monotonic(relayed(scrape(running))));
  REQUIRE(sent == 9'000);

  const auto roll = [&](std::int64_t unix_s, const std::string& said, std::size_t times,
                        double at_least) {
    running.clock.set_unix_s(unix_s);
    REQUIRE(eventually([&] { return count(running.host.log_text(), said) == times; }));
    // Until the account of the period that is over has gone.
    REQUIRE(eventually([&] {
      if (sent < at_least) send();
      relay.tick();
      const Parser read = scrape(running);
      CHECK(is_monotonic(relayed(read)));
      return sent >= at_least && read.value("turnbroker_accounts") == 1;
    }));
    CHECK(relayed(scrape(running)) == sent);
  };
  const std::string september_over = "period 2026-09 of acme/data is over";
  roll(1'790'812'801, september_over, 1, 15'000);
  CHECK(scrape(running).value("turnbroker_quota_used_bytes", quota) == 6'000);
  // The wall clock is set back: the earlier account comes again with what it had used.
  roll(1'790'812'700, "period 2026-10 of acme/data has not begun", 1, sent + 1'000);
  CHECK(scrape(running).value("turnbroker_quota_used_bytes", quota) == 10'000);
  CHECK(scrape(running).families.at("turnbroker_quota_limit_bytes").samples.size() == 1);
  roll(1'793'491'300, september_over, 2, sent + 2'000);
  relay.close(allocation, TURN_CLOSE_RELEASED);
  CHECK(eventually([&] { return relayed(scrape(running)) == sent; }));
}

TEST_CASE("a CSP that leaves the configuration has no quota any more, and keeps its counters",
          "[metrics]") {
  const std::string other =
      "[csp.bigco]\nsecret = \"bigco-secret-0123456789\"\n"
      "[csp.bigco.quota.audio]\nvolume = \"1 MB\"\nperiod = \"total\"\n";
  RunningBroker running(http() + acme("10 kB") + other);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  running.write_config(http() + other);
  REQUIRE(eventually([&] { return !scrape(running).has("turnbroker_quota_limit_bytes", quota); }));
  CHECK(relayed(scrape(running)) == 1'000);
  CHECK(scrape(running).value("turnbroker_quota_limit_bytes",
                              {{"csp", "bigco"}, {"media", "audio"}}) == 1'000'000);
  relay.close(allocation, TURN_CLOSE_REVOKED);
  CHECK(eventually([&] {
    return scrape(running).value("turnbroker_allocations_closed_total",
                                 with(quota, "reason", "revoked")) == 1;
  }));

  // The last reload.
  CHECK(scrape(running).value("turnbroker_config_last_reload_successful") == 1);
  running.write_config(http() + "[csp.acme]\n");
  CHECK(eventually(
      [&] { return scrape(running).value("turnbroker_config_last_reload_successful") == 0; }));
}

TEST_CASE("the control socket tells the same metrics", "[metrics]") {
  RunningBroker running(acme("10 kB"));
  raw::Client client((running.directory() / "state" / "control.sock").string());
  client.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.receive_until_closed();
  REQUIRE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  const Parser read(answer.substr(answer.find("\r\n\r\n") + 4));
  CHECK(read.value("turnbroker_quota_limit_bytes", quota) == 10'000);
}

TEST_CASE("a ledger in Redis has figures of its own", "[metrics]") {
  turntest::RedisServer redis;
  RunningBroker running(http() + "[broker.store]\nkind = \"redis\"\nurl = \"redis://" +
                        redis.address() + "\"\nvalidity_time = \"1s\"\n[relay]\nid = \"fra-1\"\n" +
                        acme("10 kB"));
  // Before the first answer it does not know that it learns.
  REQUIRE(eventually([&] {
    const Parser now = scrape(running);
    return now.value("turnbroker_ledger_exchange_duration_seconds_count") >= 1 &&
           now.value("turnbroker_ledger_learning") == 0;
  }));
  const Parser read = scrape(running);
  CHECK(read.value("turnbroker_ledger_reachable") == 1);
  CHECK(read.value("turnbroker_ledger_contact_age_seconds") < 1);
  CHECK(read.value("turnbroker_ledger_grants_valid_seconds") > 0);
  CHECK(read.value("turnbroker_ledger_exchange_duration_seconds_count") >= 1);
  CHECK(read.value("turnbroker_records_stream_backlog_bytes") == 0);

  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  relay.close(allocation, TURN_CLOSE_RELEASED);
  CHECK(eventually([&] { return redis.cli({"XLEN", "turnbroker:{records}:usage"}) == "1\n"; }));
  CHECK(eventually(
      [&] { return scrape(running).value("turnbroker_records_stream_backlog_bytes") == 0; }));
  redis.kill();
  CHECK(eventually([&] {
    const Parser now = scrape(running);
    return now.value("turnbroker_ledger_reachable") == 0 &&
           now.value("turnbroker_ledger_exchange_failures_total") >= 1 &&
           now.value("turnbroker_ledger_grants_valid_seconds") == 0;
  }));
  redis.start();
  CHECK(eventually([&] { return scrape(running).value("turnbroker_ledger_reachable") == 1; }));
}
