// The whole broker, without coturn: allocations and accounts that go on into another period.
#include <catch2/catch.hpp>

#include "broker_fixture.h"
#include "text_count.h"

using namespace testing;

TEST_CASE("the same volume again in the next period, and a record that spans both") {
  // 2026-09-30T23:59:50Z and later
  RunningBroker running(acme("10 kB", "", "month"), 1'790'812'790);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  for (int i = 0; i < 9; ++i) REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  running.clock.set_unix_s(1'790'812'801);
  REQUIRE(eventually([&] {
    return running.host.log_text().find("period 2026-09 of acme/data is over") != std::string::npos;
  }));
  std::uint64_t after = 0;
  REQUIRE(eventually([&] {
    if (relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000)) after += 1'000;
    relay.tick();
    return running.host.cancelled(allocation.id).has_value();
  }));
  CHECK(after == 10'000);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  running.stop();
  CHECK(only_record(running)["client_to_peer_octets"] == 19'000);
}

TEST_CASE("an allocation moves into a period that has no credit yet once, not with every packet") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  const turn_meter* const before = allocation.meter;
  running.write_config(acme("1 MB", "", "month"));
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    relay.tick();
    return allocation.meter != before;
  }));
  const turn_meter* const after = allocation.meter;
  // More than there is: dry while the ledger is asked, and at the end.
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_PEER_TO_CLIENT, 999);
    relay.tick();
    return running.host.cancelled(allocation.id).has_value();
  }));
  CHECK(allocation.meter == after);
  const auto sent = received(allocation);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  running.stop();
  CHECK(running.ledger("acme", broker::MediaType::data).charged_octets == sent);
  const auto record = only_record(running);
  CHECK(record["client_to_peer_octets"] == allocation.received[TURN_CLIENT_TO_PEER]);
  CHECK(record["peer_to_client_octets"] == allocation.received[TURN_PEER_TO_CLIENT]);
}

TEST_CASE("a clock that was ahead is followed back, with what was used in either period") {
  constexpr std::int64_t september_s = 1'790'812'000;  // 2026-09-30
  constexpr std::int64_t december_s = september_s + 70 * std::int64_t{86'400};
  RunningBroker running(acme("10 kB", "per_client = \"9 kB\"", "month"), september_s);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  const auto set_clock = [&](std::int64_t now_s, const std::string& said, std::size_t times = 1) {
    running.clock.set_unix_s(now_s);
    REQUIRE(eventually([&] {
      relay.tick();
      return count(running.host.log_text(), said) == times;
    }));
  };
  const auto relay_kb = [&](int count) {
    for (int sent = 0; sent < count;)
      REQUIRE(eventually([&] {
        relay.tick();
        const bool passed = relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
        sent += passed ? 1 : 0;
        return passed;
      }));
  };
  relay_kb(6);
  set_clock(december_s, "period 2026-09 of acme/data is over");
  relay_kb(2);
  set_clock(september_s + 10, "the clock was set back: period 2026-12 of acme/data has not begun");
  // Of the client's part, too, what was used in September counts there.
  relay_until_cut(running, relay, allocation);
  CHECK(received(allocation) == 11'000);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  FakeAllocation refused;
  CHECK(allocate(relay, of_acme("alice"), refused) == 486);
  // When December comes it has begun already.
  set_clock(december_s + 10, "period 2026-09 of acme/data is over", 2);
  FakeAllocation later = allocated(relay, of_acme("alice"));
  relay_until_cut(running, relay, later);
  CHECK(received(later) == 7'000);
  relay.close(later, TURN_CLOSE_QUOTA_EXHAUSTED);
  running.stop();
}

TEST_CASE(
    "a broker that started with a clock that was ahead counts in the right period once it is set") {
  constexpr std::int64_t now_s = 1'790'812'000;
  RunningBroker running(acme("10 kB", "", "month"), now_s + 1'500 * std::int64_t{86'400});
  FakeRelay relay(running.broker(), running.host, 0);
  running.clock.set_unix_s(now_s);
  REQUIRE(eventually(
      [&] { return running.host.log_text().find("has not begun") != std::string::npos; }));
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  relay_until_cut(running, relay, allocation);
  CHECK(received(allocation) == 10'000);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  running.clock.set_unix_s(now_s + 31 * std::int64_t{86'400});
  REQUIRE(eventually([&] {
    return running.host.log_text().find("2026-09 of acme/data is over") != std::string::npos;
  }));
  FakeAllocation later = allocated(relay, of_acme("alice"));
  relay.close(later, TURN_CLOSE_RELEASED);
}

TEST_CASE("allocations that go on into another period count there before their next packet") {
  constexpr std::int64_t day_s = 86'400;
  constexpr std::int64_t evening_s = 20'750 * day_s - 60;
  RunningBroker running(acme("1 MB", "allocations = 2", "day"), evening_s);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation a = allocated(relay, of_acme("alice"));
  FakeAllocation b = allocated(relay, of_acme("alice"));
  FakeAllocation c;
  running.clock.set_unix_s(evening_s + 120);
  REQUIRE(eventually([&] { return running.host.log_text().find("is over") != std::string::npos; }));
  CHECK(allocate(relay, of_acme("alice"), c) == 486);
  // One moves with its packet, and keeps its place; one ends in the old period.
  CHECK(eventually([&] { return relay.relay(a, TURN_CLIENT_TO_PEER, 100); }));
  CHECK(allocate(relay, of_acme("alice"), c) == 486);
  relay.close(b, TURN_CLOSE_RELEASED);
  REQUIRE(allocate(relay, of_acme("alice"), c) == 0);
  CHECK(allocate(relay, of_acme("alice"), b) == 486);
  relay.close(a, TURN_CLOSE_RELEASED);
  relay.close(c, TURN_CLOSE_RELEASED);
}

TEST_CASE("clients with a share of their own leave room for other CSPs and the next period") {
  const std::string other =
      "[csp.other]\nsecret = \"other-secret-0123456789\"\n[csp.other.quota.data]\nvolume = \"1 "
      "MB\"\nperiod = \"day\"\n";
  RunningBroker running("[broker.limits]\naccounts_max = 16\n" +
                        acme("10 MB", "per_client = \"1 MB\"", "day") + other);
  FakeRelay relay(running.broker(), running.host, 0);
  int refused = 0;
  constexpr int names = 20;
  for (int i = 0; i < names; ++i) {
    FakeAllocation one;
    const int code = allocate(relay, of_acme("client-" + std::to_string(i)), one);
    if (code == 0)
      relay.close(one, TURN_CLOSE_RELEASED);
    else
      ++refused;
    CHECK((code == 0 || code == 508));
  }
  CHECK(refused > 0);

  const auto olga = mint("other-secret-0123456789", "other/data/olga", far_future_s);
  FakeAllocation hers = allocated(relay, olga);
  relay.close(hers, TURN_CLOSE_RELEASED);
  constexpr std::int64_t day_s = 86'400;
  running.clock.set_unix_s(running.clock.unix_ms() / 1'000 + day_s);
  REQUIRE(eventually([&] {
    relay.tick();
    FakeAllocation again;
    const int code = allocate(relay, olga, again);
    if (code == 0) relay.close(again, TURN_CLOSE_RELEASED);
    return code == 0;
  }));
  CHECK(running.host.log_text().find("no account for other") == std::string::npos);
}
