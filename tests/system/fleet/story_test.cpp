// The story of the product, over a fleet: a CSP's page asks any relay, is sent to the best one, calls through
// it, is seen by whoever subscribes, and is interrupted when its quota is gone.
#include <catch2/catch.hpp>

#include "fleet.h"
#include "support/redis_server.h"
#include "support/udp_peer.h"
#include "support/wait_until.h"

using namespace turntest;

namespace {

constexpr std::uint64_t limit_octets = 5'000'000;
const std::string addr_query = "/v1/getTurnAddr?cspID=acme&mediaType=data&clientName=alice";

/// Open to any page, so that no key is needed; and no relay is asked for twice in a row.
std::string acme(std::uint64_t octets) {
  return "[csp.acme]\nallowed_origins = [\"*\"]\nselection = \"round-robin\"\nfallbacks = 0\n"
         "[csp.acme.quota.data]\nvolume = \"" +
         std::to_string(octets) + " B\"\nperiod = \"total\"\n";
}

/// The index of the relay "rN".
std::size_t index_of(const nlohmann::json& relay) {
  return std::stoul(relay.get<std::string>().substr(1));
}

}  // namespace

TEST_CASE(
    "any relay sends a client to the best one, which cuts it when the fleet's quota is gone") {
  RedisServer redis;
  FleetOptions options;
  options.relays = 3;
  options.http = true;
  options.store_toml =
      "url = \"redis://" + redis.address() + "\"\nvalidity_time = \"2s\"\nreport_interval = \"1s\"";
  options.csp_toml = acme(limit_octets);
  Fleet fleet(options);
  ChildProcess subscriber(
      {.program = "/usr/bin/redis-cli",
       .arguments = {"-s", redis.socket(), "SUBSCRIBE", "turnbroker:usage", "turnbroker:cuts"}});
  REQUIRE(subscriber.wait_output("turnbroker:cuts", Milliseconds(5'000)));

  // Relay r0 sends somebody to another relay, once it has heard of the others.
  nlohmann::json place;
  REQUIRE(wait_until(Milliseconds(15'000), [&] {
    const auto answer = fleet.get(0, addr_query);
    if (answer.status != 200) return false;
    place = answer.body;
    return place.at("relay") != "r0";
  }));
  const std::size_t chosen = index_of(place.at("relay"));
  const std::size_t third = 3 - chosen;
  CHECK(place.at("urls").at(0) ==
        "turn:" + fleet.relay(chosen).relay().address(TransportKind::udp).to_string() +
            "?transport=udp");

  // The credentials come from a relay that never heard of the client, once it knows the chosen relay.
  Fleet::Answer credentials;
  CHECK(wait_until(Milliseconds(10'000), [&] {
    credentials = fleet.get(
        third, "/v1/getTurnCredentials?clientID=" + place.at("clientID").get<std::string>());
    return credentials.status == 200 && credentials.body.at("uris") == place.at("urls");
  }));
  REQUIRE(credentials.status == 200);

  ClientOptions client = fleet.relay(chosen).relay().client_options();
  client.credentials = {credentials.body.at("username"), credentials.body.at("password")};
  MemberPlan plan;
  plan.client = client;
  plan.pace = MemberPlan::Pace::flood;
  Swarm swarm({plan}, 1, test_seed());
  swarm.start();
  CHECK(subscriber.wait_output("\"v\":1", Milliseconds(10'000)));
  CHECK(fleet.relay(chosen).relay().wait_output("is exhausted", Milliseconds(60'000)));
  CHECK(subscriber.wait_output("quota_exhausted", Milliseconds(5'000)));
  CHECK(wait_until(Milliseconds(2'000), [&] { return fleet.live_allocations() == 0; }));
  swarm.stop();
  REQUIRE(swarm.members().at(0).open());
  const std::uint64_t received = swarm.peers_received().octets + swarm.clients_received().octets;
  CHECK(received <= limit_octets);
  CHECK(received >= limit_octets - limit_octets / 1'000);

  for (std::size_t i = 0; i < fleet.size(); ++i) {
    CAPTURE(i);
    CHECK(wait_until(Milliseconds(5'000), [&] {
      const auto answer = fleet.get(i, addr_query);
      return answer.status != 200 &&
             answer.body.at("type").get<std::string>().ends_with("/quota-exceeded");
    }));
  }
  // Any relay tells of all of them, and of the ledger that they share.
  CHECK(wait_until(Milliseconds(10'000), [&] {
    return fleet.relay(third).ctl({"relays"}).at("relays").size() == fleet.size();
  }));
  const auto used = [&](std::size_t relay) {
    const auto accounts = fleet.relay(relay).ctl({"usage", "--fleet"}).at("accounts");
    return accounts.empty() ? 0 : accounts[0].at("used_octets").get<std::uint64_t>();
  };
  // What packets were lost on their way to a peer or a client was relayed, too.
  CHECK(wait_until(Milliseconds(5'000), [&] { return used(third) >= received; }));
  CHECK(used(third) <= limit_octets);
  CHECK(used(chosen) == used(third));
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    const auto check = fleet.relay(i).ctl({"ledger", "check"});
    INFO(check.dump(1));
    CHECK(check.at("ok") == true);
  }
  // The record for billing, once, in the stream.
  CHECK(wait_until(Milliseconds(5'000), [&] {
    return redis.cli({"XLEN", "turnbroker:{records}:usage"}).starts_with("1");
  }));
  const std::string stream = redis.cli({"XRANGE", "turnbroker:{records}:usage", "-", "+"});
  CHECK(stream.find(fleet.relay(chosen).records().at(0).at("allocation").get<std::string>()) !=
        std::string::npos);
}
