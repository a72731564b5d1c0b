// The cut on real TURN traffic: at the quota, by hand, by revocation, by expiry, and not resumable.
#include <catch2/catch.hpp>

#include "broker_relay.h"
#include "support/udp_peer.h"
#include "support/wait_until.h"

using namespace turntest;

namespace {

BrokerRelayOptions with(std::string csps, std::string broker = "") {
  BrokerRelayOptions options;
  options.csp_toml = std::move(csps);
  options.broker_toml = std::move(broker);
  return options;
}

}  // namespace

TEST_CASE("an allocation is cut at its quota, the next one gets 486, a raised limit lets it in") {
  BrokerRelay relay(with(BrokerRelay::acme("20 kB")));
  UdpPeer peer;
  TurnClient client(relay.client());
  REQUIRE(client.allocate().ok());
  REQUIRE(client.bind_channel(0x4000, peer.address()).ok());
  const Bytes payload(1'000, 0x5a);
  for (int i = 0; i < 30; ++i) client.send_channel(0x4000, payload);
  REQUIRE(wait_until(Milliseconds(3'000),
                     [&] { return relay.usage().exhausted && relay.usage().allocations == 0; }));
  REQUIRE(peer.settle());
  CHECK(peer.received().octets == 20'000);
  CHECK(relay.usage().used_octets == 20'000);

  TurnClient second(relay.client());
  CHECK(second.allocate().code == 486);
  relay.write_csps(BrokerRelay::acme("40 kB"));
  REQUIRE(wait_until(Milliseconds(1'000), [&] {
    TurnClient third(relay.client());
    return third.allocate().ok();
  }));
  const auto records = relay.records();
  REQUIRE(!records.empty());
  CHECK(records[0].at("reason") == "quota_exhausted");
  CHECK(records[0].at("client_to_peer_octets") == 20'000);
}
