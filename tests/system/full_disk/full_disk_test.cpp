// A relay whose disk is full: it does not start, or goes on with what it has.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "broker_relay.h"
#include "support/small_disk.h"
#include "support/udp_peer.h"
#include "support/wait_until.h"

using namespace turntest;

namespace {

constexpr std::uint16_t channel = 0x4000;
constexpr Milliseconds patience{10'000};

/// Null, with a word about it, where the machine does not let us.
std::unique_ptr<SmallDisk> small_disk(std::size_t octets) {
  try {
    return std::make_unique<SmallDisk>(octets);
  } catch (const NoSmallDisk& error) {
    WARN("left out: " << error.what());
    return nullptr;
  }
}

BrokerRelayOptions with(std::string broker = "") {
  BrokerRelayOptions options;
  options.csp_toml = BrokerRelay::acme("1 GB");
  options.broker_toml = std::move(broker);
  return options;
}

bool passes(TurnClient& client, UdpPeer& peer) {
  const Bytes payload(400, 0x5a);
  return client.send_channel(channel, payload) &&
         peer.wait_received_packets(client.sent().packets, patience);
}

}  // namespace

TEST_CASE("a relay does not start where its meter table has no room") {
  const auto disk = small_disk(4 << 20);
  if (disk == nullptr) return;
  try {
    const BrokerRelay relay(with());
    FAIL("it has started");
  } catch (const std::runtime_error& error) {
    const std::string said = error.what();
    CHECK_THAT(said, Catch::Matchers::Contains("meter table: cannot make room for ") &&
                         Catch::Matchers::Contains("state/meters: No space left on device"));
  }
}

TEST_CASE("a relay goes on when its disk fills up, and afterwards") {
  const auto disk = small_disk(32 << 20);
  if (disk == nullptr) return;
  BrokerRelay relay(with("[broker.limits]\nallocations_max = 10000\naccounts_max = 100\n"));
  UdpPeer peer;
  TurnClient call(relay.client());
  REQUIRE(call.allocate());
  REQUIRE(call.bind_channel(channel, peer.address()));
  REQUIRE(passes(call, peer));

  disk->fill();
  // Each page of the table has room for nine.
  std::vector<std::unique_ptr<TurnClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<TurnClient>(relay.client()));
    const Outcome outcome = clients.back()->allocate();
    INFO(outcome.to_string());
    REQUIRE((outcome || outcome.code == 486 || outcome.code == 508));
    REQUIRE(relay.relay().process().running());
  }
  CHECK(passes(call, peer));

  disk->free_again();
  clients.clear();
  REQUIRE(wait_until(patience, [&] {
    TurnClient late(relay.client());
    return late.allocate().ok();
  }));
  CHECK(passes(call, peer));
  CHECK(call.refresh(0));
  CHECK(wait_until(patience, [&] { return relay.ctl_raw({"ledger", "check"}).exit.status == 0; }));
  CHECK(relay.relay().stop().status == 0);
}
