// The whole broker, without coturn: admission, credit, the cut, limits.
#include <barrier>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "broker/record_of.h"
#include "broker_fixture.h"
#include "records/record_writer.h"

using namespace testing;

TEST_CASE("an account relays its volume to the last packet that fits and is then cut") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("alice");
  FakeAllocation allocation = allocated(relay, user);

  while (!running.host.cancelled(allocation.id)) {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 999);
    relay.relay(allocation, TURN_PEER_TO_CLIENT, 999);
    relay.tick();
  }
  CHECK(received(allocation) == 1'000'000 - 1'000'000 % 999);
  CHECK(running.host.cancelled(allocation.id) == TURN_CLOSE_QUOTA_EXHAUSTED);
  FakeAllocation refused;
  CHECK(allocate(relay, user, refused) == 486);

  const auto sent = received(allocation);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  running.stop();
  CHECK(running.ledger("acme", broker::MediaType::data).charged_octets == sent);
  const auto record = only_record(running);
  CHECK(record["reason"] == "quota_exhausted");
  CHECK(record["client"] == "alice");
  CHECK(record["client_to_peer_octets"].get<std::uint64_t>() +
            record["peer_to_client_octets"].get<std::uint64_t>() ==
        sent);
}

TEST_CASE("a stream's piece that does not fit whole exhausts nothing while an octet is left") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  const auto goes_through = [&](std::uint64_t octets) {
    return eventually([&] {
      relay.tick();
      return relay.relay(allocation, TURN_CLIENT_TO_PEER, octets, 1);
    });
  };
  for (int i = 0; i < 999; ++i) REQUIRE(goes_through(1'000));
  REQUIRE(goes_through(424));

  // The broker has seen it when it asks to be told again: many times, as it may be between two of them.
  for (int i = 0; i < 300; ++i) {
    REQUIRE_FALSE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 16'384, 1));
    relay.tick();
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  CHECK_FALSE(running.host.cancelled(allocation.id));
  CHECK(goes_through(512));
  CHECK(goes_through(64));
  CHECK(received(allocation) == 1'000'000);
  CHECK_FALSE(running.host.cancelled(allocation.id));

  REQUIRE_FALSE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 16'384, 1));
  CHECK(eventually([&] { return running.host.cancelled(allocation.id).has_value(); }));
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
}

TEST_CASE("many allocations on many threads never exceed the volume and strand almost nothing") {
  const auto seed = Catch::rngSeed();
  CAPTURE(seed);
  constexpr std::uint64_t limit = 20'000'000;
  RunningBroker running(acme("20 MB"));
  std::atomic<std::uint64_t> total{0};
  std::atomic<std::uint64_t> exhausted_late{0};
  std::barrier all_allocated(4);
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(seed + thread);
      FakeRelay relay(running.broker(), running.host, thread);
      std::vector<FakeAllocation> allocations(50);
      for (auto& allocation : allocations)
        if (allocate(relay, of_acme("alice"), allocation) != 0) std::abort();
      all_allocated.arrive_and_wait();
      // Mixed rates: a few allocations send most of the packets.
      std::geometric_distribution<std::size_t> which(0.1);
      std::uniform_int_distribution<std::uint64_t> size(0, 1400);
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
      for (int i = 0; std::chrono::steady_clock::now() < deadline; ++i) {
        auto& allocation = allocations[which(random) % allocations.size()];
        relay.relay(allocation, random() % 2 == 0 ? TURN_CLIENT_TO_PEER : TURN_PEER_TO_CLIENT,
                    size(random));
        if (i % 64 == 0) relay.tick();
        if (i % 1024 == 0 && running.host.cancelled(allocations.back().id)) break;
      }
      for (auto& allocation : allocations) {
        if (running.host.cancelled(allocation.id) != TURN_CLOSE_QUOTA_EXHAUSTED) ++exhausted_late;
        total += received(allocation);
        relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
      }
    });
  for (auto& thread : threads) thread.join();
  running.stop();
  CHECK(total <= limit);
  CHECK(total > limit - 3'000);
  CHECK(exhausted_late == 0);
  CHECK(running.ledger("acme", broker::MediaType::data).charged_octets == total);
}

TEST_CASE("a record that was written just before a kill is not written again") {
  RunningBroker running(acme("10 kB"));
  running.stop();
  const auto state = running.directory() / "state";
  {
    auto made = plugin::MeterTable::create((state / "meters").string(), {4, 4}, 7, "relay", "boot");
    REQUIRE(made);
    plugin::MeterTable table = std::move(made).value();
    auto* account = table.take_account({"acme", broker::MediaType::data, 0, ""});
    for (const std::uint64_t octets : {100, 20}) {
      auto* slot = table.take_allocation();
      slot->account = static_cast<std::uint32_t>(account - table.accounts().data());
      slot->created = 1;
      slot->meter.charged_directions = 3;
      slot->meter.used_octets[TURN_CLIENT_TO_PEER] = octets;
      slot->state = plugin::SlotState::live;
      table.close(*slot);
    }
    plugin::RecordWriter writer({(state / "usage.jsonl").string()});
    const auto& first = table.allocations()[0];
    REQUIRE(writer.append(plugin::record_of(table, first, plugin::EndReason::released), {}));
  }
  running.start();
  running.stop();
  const auto lines = running.records();
  REQUIRE(lines.size() == 2);
  CHECK(nlohmann::json::parse(lines[0])["client_to_peer_octets"] == 100);
  CHECK(nlohmann::json::parse(lines[1])["client_to_peer_octets"] == 20);
  CHECK(running.ledger("acme", broker::MediaType::data).charged_octets == 120);
}

TEST_CASE("one client's volume ends before the CSP's and cuts only that client") {
  RunningBroker running(acme("1 MB", "per_client = \"100 kB\""));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto alice = of_acme("alice");
  const auto bob = of_acme("bob");
  FakeAllocation first = allocated(relay, alice);
  FakeAllocation second = allocated(relay, bob);
  relay_until_cut(running, relay, first);
  CHECK(received(first) == 100'000);
  CHECK(relay.relay(second, TURN_CLIENT_TO_PEER, 1'000));
  CHECK_FALSE(running.host.cancelled(second.id));
  FakeAllocation again;
  CHECK(allocate(relay, alice, again) == 486);
  relay.close(first, TURN_CLOSE_QUOTA_EXHAUSTED);
  relay.close(second, TURN_CLOSE_RELEASED);
}

TEST_CASE("only the charged direction costs, both are counted") {
  RunningBroker running(acme("10 kB", "charge = \"client_to_peer\""));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  for (int i = 0; i < 100; ++i) REQUIRE(relay.relay(allocation, TURN_PEER_TO_CLIENT, 1'000));
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    return running.host.cancelled(allocation.id).has_value();
  }));
  CHECK(allocation.received[0] == 10'000);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  running.stop();
  const auto usage = running.ledger("acme", broker::MediaType::data);
  CHECK(usage.charged_octets == 10'000);
  CHECK(usage.used.octets[1] == 100'000);
}

TEST_CASE("a quota's allocations at once are bounded") {
  RunningBroker running(acme("1 MB", "allocations = 2"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("alice");
  FakeAllocation a;
  FakeAllocation b;
  FakeAllocation c;
  REQUIRE(allocate(relay, user, a) == 0);
  REQUIRE(allocate(relay, user, b) == 0);
  CHECK(allocate(relay, user, c) == 486);
  relay.close(a, TURN_CLOSE_RELEASED);
  CHECK(allocate(relay, user, c) == 0);
  relay.close(b, TURN_CLOSE_RELEASED);
  relay.close(c, TURN_CLOSE_RELEASED);
}

TEST_CASE("a rate bounds what one allocation relays in a time, without ending it") {
  RunningBroker running(acme("100 MB", "rate = \"8 Mbit/s\""));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500))
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  // A second's worth saved up, and a million octets for each second since.
  CHECK(static_cast<double>(received(allocation)) <= 1e6 + 1e6 * elapsed.count() + 1'000);
  CHECK(received(allocation) >= 1'400'000);
  CHECK_FALSE(running.host.cancelled(allocation.id));
  relay.close(allocation, TURN_CLOSE_RELEASED);
}

TEST_CASE("strict expiry ends live allocations when their credential expires") {
  RunningBroker running("strict_expiry = true\n" + acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation =
      allocated(relay, of_acme("alice", running.clock.unix_ms() / 1000 + 100));
  CHECK_FALSE(running.host.cancelled(allocation.id));
  running.clock.set_unix_s(running.clock.unix_ms() / 1000 + 101);
  REQUIRE(eventually([&] { return running.host.cancelled(allocation.id).has_value(); }));
  CHECK(running.host.cancelled(allocation.id) == TURN_CLOSE_EXPIRED);
  relay.close(allocation, TURN_CLOSE_EXPIRED);
}

TEST_CASE("users of coturn's own are metered under default_csp, or refused without it") {
  RunningBroker with("default_csp = \"acme\"\n" + acme("10 kB"));
  {
    FakeRelay relay(with.broker(), with.host, 0);
    FakeAllocation allocation;
    REQUIRE(relay.allocate("plain-user", "", allocation, false) == 0);
    REQUIRE(eventually([&] {
      relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
      return with.host.cancelled(allocation.id).has_value();
    }));
    CHECK(received(allocation) == 10'000);
    relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  }
}

TEST_CASE("without default_csp users of coturn's own are refused") {
  RunningBroker without(acme("10 kB"));
  FakeRelay relay(without.broker(), without.host, 0);
  FakeAllocation allocation;
  CHECK(relay.allocate("plain-user", "", allocation, false) == 403);
}

TEST_CASE("an idle account gives its grant back to the ledger and takes it up again") {
  RunningBroker running(acme("1 MB"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("alice");
  FakeAllocation allocation = allocated(relay, user);
  REQUIRE(relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000));
  relay.close(allocation, TURN_CLOSE_RELEASED);
  running.stop();
  CHECK(running.ledger("acme", broker::MediaType::data).granted_octets == 1'000);
  running.start();
  FakeRelay later(running.broker(), running.host, 0);
  FakeAllocation next = allocated(later, user);
  REQUIRE(eventually([&] {
    later.relay(next, TURN_CLIENT_TO_PEER, 1'000);
    return running.host.cancelled(next.id).has_value();
  }));
  CHECK(received(next) == 999'000);
  later.close(next, TURN_CLOSE_QUOTA_EXHAUSTED);
}
