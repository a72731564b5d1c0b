// The whole broker, without coturn: what another configuration does to accounts and allocations.
#include <catch2/catch.hpp>
#include <future>

#include "broker_fixture.h"

using namespace testing;

TEST_CASE("raising the limit in the file revives a cut account") {
  RunningBroker running(acme("10 kB"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("alice");
  FakeAllocation first = allocated(relay, user);
  relay_until_cut(running, relay, first);
  CHECK(received(first) == 10'000);
  relay.close(first, TURN_CLOSE_QUOTA_EXHAUSTED);

  running.write_config(acme("15 kB"));
  FakeAllocation second;
  REQUIRE(eventually([&] { return allocate(relay, user, second) == 0; }));
  relay_until_cut(running, relay, second, TURN_PEER_TO_CLIENT);
  CHECK(received(second) == 5'000);
  relay.close(second, TURN_CLOSE_QUOTA_EXHAUSTED);
}

TEST_CASE("raising the limit revives an account that was exhausted before the start") {
  RunningBroker running(acme("10 kB"));
  const auto user = of_acme("alice");
  {
    FakeRelay relay(running.broker(), running.host, 0);
    FakeAllocation first = allocated(relay, user);
    for (int i = 0; i < 10; ++i) REQUIRE(relay.relay(first, TURN_CLIENT_TO_PEER, 1'000));
    relay.close(first, TURN_CLOSE_RELEASED);
  }
  running.stop();
  running.start();
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation second;
  CHECK(allocate(relay, user, second) == 486);
  running.write_config(acme("15 kB"));
  REQUIRE(eventually([&] { return allocate(relay, user, second) == 0; }));
  for (int i = 0; i < 5; ++i) CHECK(relay.relay(second, TURN_CLIENT_TO_PEER, 1'000));
  CHECK(!relay.relay(second, TURN_CLIENT_TO_PEER, 1));
  relay.close(second, TURN_CLOSE_RELEASED);
}

TEST_CASE("lowering the limit below what is used cuts at once") {
  RunningBroker running(acme("10 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  for (int i = 0; i < 2'000; ++i) REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  running.write_config(acme("1 MB"));
  REQUIRE(eventually([&] { return running.host.cancelled(allocation.id).has_value(); }));
  CHECK_FALSE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1));
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
}

TEST_CASE("lowering the limit while relaying is never overrun") {
  RunningBroker running(acme("100 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  for (int i = 0; i < 2'000; ++i) REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  running.write_config(acme("5 MB"));
  REQUIRE(eventually([&] {
    for (int i = 0; i < 3 && received(allocation) < 4'900'000; ++i)
      relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    relay.tick();
    return running.host.log_text().find("reloaded") != std::string::npos;
  }));
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    return running.host.cancelled(allocation.id).has_value();
  }));
  CHECK(received(allocation) == 5'000'000);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
}

TEST_CASE("a CSP that leaves the configuration is cut, the others go on") {
  const std::string other =
      "[csp.other]\nsecret = \"other-secret-0123456789\"\n[csp.other.quota.data]\nvolume = \"1 "
      "MB\"\n"
      "period = \"total\"\n";
  RunningBroker running(acme("1 MB") + other);
  FakeRelay relay(running.broker(), running.host, 0);
  const auto alice = of_acme("alice");
  const auto olga = mint("other-secret-0123456789", "other/data/olga", far_future_s);
  FakeAllocation a = allocated(relay, alice);
  FakeAllocation b = allocated(relay, olga);
  running.write_config(other);
  REQUIRE(eventually([&] {
    if (!relay.relay(b, TURN_CLIENT_TO_PEER, 10)) return true;
    relay.tick();
    return running.host.cancelled(a.id).has_value();
  }));
  CHECK(running.host.cancelled(a.id) == TURN_CLOSE_REVOKED);
  CHECK(relay.relay(b, TURN_CLIENT_TO_PEER, 10));
  FakeAllocation c;
  CHECK(allocate(relay, alice, c) == 401);
  relay.close(a, TURN_CLOSE_REVOKED);
  relay.close(b, TURN_CLOSE_RELEASED);
}

TEST_CASE("a wrong configuration changes nothing and is reported") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  running.write_config("[csp.acme]\nvolumes = 3\n");
  REQUIRE(eventually([&] {
    return running.host.log_text().find("configuration not reloaded: ") != std::string::npos;
  }));
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  relay.close(allocation, TURN_CLOSE_RELEASED);
}

TEST_CASE("a configuration file that is emptied cuts nobody, and starts no broker") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("alice");
  FakeAllocation allocation = allocated(relay, user);
  const auto file = running.directory() / "turnbroker.toml";
  std::filesystem::resize_file(file, 0);
  const std::string why = file.string() + ": nothing is in it; allowed: ";
  REQUIRE(eventually([&] {
    return running.host.log_text().find("configuration not reloaded: " + why) != std::string::npos;
  }));
  CHECK_FALSE(running.host.cancelled(allocation.id));
  CHECK(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  FakeAllocation another;
  CHECK(allocate(relay, user, another) == 0);
  relay.close(allocation, TURN_CLOSE_RELEASED);
  relay.close(another, TURN_CLOSE_RELEASED);
  running.stop();

  plugin::Broker next(plugin::Host(running.host.table()), running.clock);
  const auto loaded = next.load(file.string());
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().message.starts_with(why));
}

TEST_CASE("what waits for a restart is told until the file takes it back") {
  const std::string limits = "[broker.limits]\nallocations_max = ";
  RunningBroker running(limits + "100\n" + acme("1 MB"));
  const auto waiting = [&] {
    std::promise<std::vector<std::string>> told;
    REQUIRE(running.broker().post([&](plugin::Control& control) {
      const auto reloaded = control.reload();
      CHECK(reloaded.ok());
      told.set_value(control.status().restart_needed);
    }));
    return told.get_future().get();
  };
  CHECK(waiting().empty());
  running.write_config(limits + "200\n" + acme("1 MB"));
  REQUIRE(waiting().size() == 1);
  // Another change does not make it forgotten.
  running.write_config(limits + "200\n" + acme("2 MB"));
  REQUIRE(waiting().size() == 1);
  CHECK_THAT(waiting().front(), Catch::Contains("allocations_max"));
  running.write_config(limits + "100\n" + acme("2 MB"));
  CHECK(waiting().empty());
}
