// What a quota limits besides its volume: one client's share, the rate, allocations at once.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "credentials/operator.h"

using namespace credentials_test;
using namespace turntest;

namespace {

const std::string acme_secret(BrokerRelay::acme_secret);

Credentials acme_user(std::string_view client) {
  return rest_credentials(acme_secret, "acme/data/" + std::string(client));
}

BrokerRelayOptions acme_with(std::string_view volume, std::string_view lines) {
  return options_with(csp("acme", volume, lines, acme_secret));
}

nlohmann::json client_row(BrokerRelay& relay, std::string_view client) {
  const auto answer = relay.ctl({"usage", "--clients"});
  for (const auto& row : answer.at("accounts"))
    if (row.value("client", "") == client) return row;
  FAIL("no share of " << client << " in " << answer.dump());
  return {};
}

}  // namespace

TEST_CASE("per_client ends one client's allocations at its share, and leaves the others alone") {
  BrokerRelay relay(acme_with("1 MB", "per_client = \"10 kB\""));
  Talk alice(as(relay, acme_user("alice")));
  Talk alice_again(as(relay, acme_user("alice")));
  Talk bob(as(relay, acme_user("bob")));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(alice.send(1'000));
    REQUIRE(alice_again.send(1'000));
    REQUIRE(bob.send(1'000));
  }
  CHECK(client_row(relay, "alice").at("used_octets") == 10'000);
  CHECK_FALSE(alice.send(1, Milliseconds(50)));
  REQUIRE(wait_until(patience, [&] { return relay.records().size() == 2; }));
  for (const auto& record : relay.records()) {
    CHECK(record.at("client") == "alice");
    CHECK(record.at("reason") == "quota_exhausted");
    CHECK(record.at("client_to_peer_octets") == 5'000);
  }
  CHECK(client_row(relay, "alice").at("exhausted") == true);
  CHECK(client_row(relay, "bob").at("exhausted") == false);
  CHECK(try_allocate(relay, acme_user("alice")).code == 486);
  for (int i = 0; i < 5; ++i) REQUIRE(bob.send(1'000));
  CHECK(try_allocate(relay, acme_user("carol")));
  CHECK(relay.usage().used_octets == 20'000);
  CHECK_FALSE(relay.usage().exhausted);

  // A larger share lets her in again.
  relay.write_csps(csp("acme", "1 MB", "per_client = \"20 kB\"", acme_secret));
  CHECK(wait_until(promptly, [&] { return try_allocate(relay, acme_user("alice")).ok(); }));
}

TEST_CASE("the volume of all clients counts before any share of one") {
  BrokerRelay relay(acme_with("10 kB", "per_client = \"8 kB\""));
  Talk alice(as(relay, acme_user("alice")));
  Talk bob(as(relay, acme_user("bob")));
  for (int i = 0; i < 6; ++i) REQUIRE(alice.send(1'000));
  for (int i = 0; i < 4; ++i) REQUIRE(bob.send(1'000));
  CHECK_FALSE(bob.send(1, Milliseconds(50)));
  CHECK(wait_until(patience, [&] { return relay.records().size() == 2; }));
  CHECK(relay.usage().used_octets == 10'000);
  CHECK(relay.usage().exhausted);
  CHECK(try_allocate(relay, acme_user("carol")).code == 486);
}

TEST_CASE("rate slows an allocation down, does not end it, and what it drops is not counted") {
  const bool up = GENERATE(true, false);
  CAPTURE(up);
  constexpr double rate = 100'000;  // octets per second
  BrokerRelay relay(acme_with("1 GB", "rate = \"800 kbit/s\""));
  Talk talk(as(relay, acme_user("alice")));
  const Bytes payload(1'000, 0x5a);
  std::uint64_t offered = 0;
  const TimePoint start = Clock::now();
  // Ten times the rate is offered, a little at a time.
  const auto offer = [&] {
    talk.client.poll();
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    while (static_cast<double>(offered) < 10 * rate * elapsed.count()) {
      if (up)
        REQUIRE(talk.client.send_channel(channel, payload));
      else
        REQUIRE(talk.peer.send(talk.client.relayed_address(), payload));
      offered += payload.size();
    }
    return elapsed.count() >= 2.0;
  };
  REQUIRE(wait_until(patience, offer));
  REQUIRE(talk.client.refresh(600));
  REQUIRE(talk.peer.settle());
  std::uint64_t counted = 0;
  const auto received = [&] { return up ? talk.peer.received() : talk.client.received(); };
  REQUIRE(wait_until(patience, [&] {
    talk.client.poll();
    counted = relay.usage().used_octets;
    talk.client.poll();
    return counted == received().octets;
  }));
  const std::chrono::duration<double> elapsed = Clock::now() - start;
  // A second's worth may be saved up at the start. What passed is at least what passed in the two
  // seconds.
  CHECK(static_cast<double>(counted) <= rate * (1.0 + elapsed.count()));
  CHECK(static_cast<double>(counted) >= 0.9 * rate * 2.0);
  CHECK(counted < offered / 2);
  CHECK(relay.records().empty());
  CHECK(live_row(relay, "alice"));

  // Without the limit all passes again.
  relay.write_csps(csp("acme", "1 GB", "", acme_secret));
  CHECK(wait_until(promptly, [&] {
    bool all = true;
    for (int i = 0; i < 20; ++i) all = talk.send(1'000, Milliseconds(200)) && all;
    return all;
  }));
}

TEST_CASE("no more allocations at once than the quota says, however many ask together") {
  auto options = acme_with("1 GB", "allocations = 3");
  options.relay.relay_threads = 4;
  BrokerRelay relay(options);
  for (int round = 0; round < rounds(5, 2); ++round) {
    std::vector<std::unique_ptr<TurnClient>> clients;
    int admitted = 0, refused = 0;
    for (int i = 0; i < 12; ++i)
      clients.push_back(
          std::make_unique<TurnClient>(as(relay, acme_user("c" + std::to_string(i)),
                                          all_transports.at(static_cast<std::size_t>(i) % 4))));
    for (const auto& client : clients)
      client->start_allocate({}, [&](const Outcome& outcome) {
        admitted += outcome.ok();
        refused += outcome.code == 486;
      });
    REQUIRE(wait_until(patience, [&] {
      for (const auto& client : clients) {
        client->poll();
        client->advance(Clock::now());
      }
      return admitted + refused == 12;
    }));
    CHECK(admitted == 3);
    CHECK(relay.usage().allocations == 3);
    CHECK(relay.ctl({"cut", "--csp", "acme"}).at("cut") == 3);
    REQUIRE(wait_until(promptly, [&] { return relay.usage().allocations == 0; }));
  }
  // One goes, one may come.
  Talk one(as(relay, acme_user("one")));
  Talk two(as(relay, acme_user("two")));
  Talk three(as(relay, acme_user("three")));
  CHECK(try_allocate(relay, acme_user("four")).code == 486);
  REQUIRE(two.client.refresh(0));
  CHECK(wait_until(patience, [&] { return try_allocate(relay, acme_user("four")).ok(); }));
  CHECK(try_allocate(relay, acme_user("five")).code == 486);
  relay.write_csps(csp("acme", "1 GB", "allocations = 4", acme_secret));
  CHECK(wait_until(promptly, [&] { return try_allocate(relay, acme_user("five")).ok(); }));
  CHECK(try_allocate(relay, acme_user("six")).code == 486);
}

TEST_CASE("each media type of a CSP has a quota of its own") {
  const std::string toml = csp("acme", "5 kB", "", acme_secret, "audio") +
                           "[csp.acme.quota.video]\nvolume = \"1 MB\"\nperiod = \"day\"\n";
  BrokerRelay relay(options_with(toml));
  Talk audio(as(relay, rest_credentials(acme_secret, "acme/audio/alice")));
  Talk video(as(relay, rest_credentials(acme_secret, "acme/video/alice")));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(audio.send(1'000));
    REQUIRE(video.send(1'000));
  }
  CHECK_FALSE(audio.send(1, Milliseconds(50)));
  CHECK(wait_until(patience, [&] { return relay.records().size() == 1; }));
  CHECK(relay.records().front().at("media") == "audio");
  CHECK(video.send(1'000));
  CHECK(relay.usage("acme", "audio").used_octets == 5'000);
  CHECK(relay.usage("acme", "video").used_octets == 6'000);
}
