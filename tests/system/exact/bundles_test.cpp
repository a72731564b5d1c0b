// Several relayed transport addresses that belong together, and what of them a quota is charged
// for.
#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "exact/call.h"
#include "support/wait_until.h"

using namespace exact;
using namespace turntest;

namespace {

constexpr std::uint16_t channel = 0x4000;

TrafficCount of(std::uint64_t packets, std::uint64_t octets_each) {
  return {packets * octets_each, packets};
}

/// `packets` of `octets`, each waited for at the peer.
void send_to(TurnClient& client, std::uint16_t over, UdpPeer& peer, int packets,
             std::size_t octets) {
  for (int i = 0; i < packets; ++i) {
    const auto before = peer.received().packets;
    REQUIRE(client.send_channel(over, Bytes(octets, 1)));
    REQUIRE(peer.wait_received_packets(before + 1, patience));
  }
}

/// The same from the peer to one of the client's relayed transport addresses.
void send_back(UdpPeer& peer, const Address& relayed, TurnClient& client, int packets,
               std::size_t octets) {
  for (int i = 0; i < packets; ++i) {
    const auto before = client.received().packets;
    REQUIRE(peer.send(relayed, Bytes(octets, 2)));
    REQUIRE(client.wait_received_packets(before + 1, patience));
  }
}

}  // namespace

TEST_CASE("both allocations of a reserved port pair are counted, each by itself") {
  BrokerRelay relay(with_room());
  UdpPeer peer;
  TurnClient rtp(relay.client(TransportKind::udp, 4, "rtp"));
  AllocateOptions first;
  first.reserve_next_port = true;
  REQUIRE(rtp.allocate(first));
  REQUIRE(rtp.relayed_address().port % 2 == 0);
  REQUIRE(!rtp.reservation_token().empty());
  TurnClient rtcp(relay.client(TransportKind::udp, 4, "rtcp"));
  AllocateOptions second;
  second.reservation_token = rtp.reservation_token();
  REQUIRE(rtcp.allocate(second));
  CHECK(rtcp.relayed_address() == rtp.relayed_address().with_port(
                                      static_cast<std::uint16_t>(rtp.relayed_address().port + 1)));
  REQUIRE(rtp.bind_channel(channel, peer.address()));
  REQUIRE(rtcp.bind_channel(channel, peer.address()));
  for (int i = 0; i < 20; ++i) {
    send_to(rtp, channel, peer, 3, 1'111);
    send_to(rtcp, channel, peer, 1, 77);
    send_back(peer, rtp.relayed_address(), rtp, 2, 999);
    send_back(peer, rtcp.relayed_address(), rtcp, 1, 55);
  }
  CHECK(relay.usage().allocations == 2);
  REQUIRE(rtcp.refresh(0));
  REQUIRE(rtp.refresh(0));
  const Relayed of_rtp{of(60, 1'111), of(40, 999)};
  const Relayed of_rtcp{of(20, 77), of(20, 55)};
  CHECK(relayed_of(record_of(relay, "rtp")) == of_rtp);
  CHECK(relayed_of(record_of(relay, "rtcp")) == of_rtcp);
  Relayed sum = of_rtp;
  sum += of_rtcp;
  check_books(relay, sum);
}

TEST_CASE("what one allocation sends to another is counted by both") {
  auto options = with_room();
  options.relay.relay_threads = 2;
  BrokerRelay relay(options);
  TurnClient alice(relay.client(TransportKind::udp, 4, "alice"));
  TurnClient bob(relay.client(TransportKind::tls, 4, "bob"));
  REQUIRE(alice.allocate());
  REQUIRE(bob.allocate());
  REQUIRE(alice.bind_channel(channel, bob.relayed_address()));
  REQUIRE(bob.bind_channel(channel, alice.relayed_address()));
  for (std::uint64_t i = 1; i <= 50; ++i) {
    REQUIRE(alice.send_channel(channel, Bytes(1'201, 3)));
    REQUIRE(bob.wait_received_packets(i, patience));
    REQUIRE(bob.send_channel(channel, Bytes(201, 4)));
    REQUIRE(alice.wait_received_packets(i, patience));
  }
  const TrafficCount from_alice = of(50, 1'201), from_bob = of(50, 201);
  CHECK(alice.received() == from_bob);
  CHECK(bob.received() == from_alice);
  REQUIRE(alice.refresh(0));
  REQUIRE(bob.refresh(0));
  CHECK(relayed_of(record_of(relay, "alice")) == Relayed{from_alice, from_bob});
  CHECK(relayed_of(record_of(relay, "bob")) == Relayed{from_bob, from_alice});
  Relayed sum{from_alice, from_bob};
  sum += {from_bob, from_alice};
  check_books(relay, sum);
}

TEST_CASE("an allocation with an IPv4 and an IPv6 address is one allocation with one record") {
  const auto transport = GENERATE(TransportKind::udp, TransportKind::tcp);
  CAPTURE(to_string(transport));
  BrokerRelay relay(with_room());
  UdpPeer peer4, peer6(UdpPeer::Mode::sink, Address::loopback(6));
  PacketCapture capture({peer4.address().port, peer6.address().port}, 4 << 20);
  TurnClient client(relay.client(transport));
  AllocateOptions both;
  both.both_families = true;
  REQUIRE(client.allocate(both));
  const Address first = client.relayed_address(), second = client.second_relayed_address();
  REQUIRE(second.family != 0);
  const Address relayed4 = first.family == 4 ? first : second;
  const Address relayed6 = first.family == 4 ? second : first;
  CHECK(relayed4.family == 4);
  CHECK(relayed6.family == 6);
  CHECK(relay.usage().allocations == 1);
  REQUIRE(client.bind_channel(0x4004, peer4.address()));
  REQUIRE(client.bind_channel(0x4006, peer6.address()));
  send_to(client, 0x4004, peer4, 30, 401);
  send_to(client, 0x4006, peer6, 20, 601);
  send_back(peer4, relayed4, client, 10, 403);
  send_back(peer6, relayed6, client, 5, 607);
  Relayed expected{of(30, 401), of(10, 403)};
  expected += {of(20, 601), of(5, 607)};
  CHECK(relayed_of(live_row(relay, "alice")) == expected);

  // The client gives up IPv6 alone: the allocation lives on, and keeps its counts. coturn still
  // relays for a moment, and that counts.
  const auto release6 = [](StunBuilder& builder) {
    builder.add_u32(attribute::lifetime, 0).add_u32(attribute::requested_address_family, 2U << 24);
  };
  REQUIRE(client.request({StunMethod::refresh, release6}));
  REQUIRE(wait_until(patience, [&] {
    const auto before = peer6.received().packets;
    REQUIRE(client.send_channel(0x4006, Bytes(99, 5)));
    send_to(client, 0x4004, peer4, 1, 401);
    REQUIRE(peer6.settle());
    return peer6.received().packets == before;
  }));
  send_back(peer4, relayed4, client, 2, 43);
  capture.drain();
  expected.client_to_peer = peer4.received();
  expected.client_to_peer += peer6.received();
  expected.peer_to_client += of(2, 43);
  TrafficCount seen = capture.sent_from(relayed4);
  seen += capture.sent_from(relayed6);
  CHECK(seen == expected.client_to_peer);
  CHECK(relay.usage().allocations == 1);
  CHECK(relayed_of(live_row(relay, "alice")) == expected);
  REQUIRE(client.refresh(0));
  const auto record = record_of(relay, "alice");
  CHECK(relayed_of(record) == expected);
  CHECK(record.at("reason") == "released");
  CHECK(record.at("relayed_addresses") ==
        nlohmann::json{relayed4.to_string(), relayed6.to_string()});
  check_books(relay, expected);
}

TEST_CASE("a quota is charged for the directions it names, and both are counted") {
  const bool up = GENERATE(true, false);
  const std::string charge = up ? "client_to_peer" : "peer_to_client";
  CAPTURE(charge);
  BrokerRelayOptions options;
  options.csp_toml = BrokerRelay::acme("10 kB", "charge = \"" + charge + "\"");
  BrokerRelay relay(options);
  UdpPeer peer;
  TurnClient client(relay.client());
  REQUIRE(client.allocate());
  REQUIRE(client.bind_channel(channel, peer.address()));

  // Far more than the volume in the free direction, then some of the charged one.
  const auto free_way = [&](int packets) {
    if (up)
      send_back(peer, client.relayed_address(), client, packets, 1'000);
    else
      send_to(client, channel, peer, packets, 1'000);
  };
  const auto charged_way = [&](int packets) {
    if (up)
      send_to(client, channel, peer, packets, 1'000);
    else
      send_back(peer, client.relayed_address(), client, packets, 1'000);
  };
  free_way(50);
  charged_way(9);
  free_way(1);
  const Usage before = relay.usage();
  CHECK(before.used_octets == 9'000);
  CHECK_FALSE(before.exhausted);
  charged_way(1);
  CHECK(relay.usage().used_octets == 10'000);

  // The next charged packet finds nothing left, and ends the allocation.
  if (up)
    REQUIRE(client.send_channel(channel, Bytes(1, 9)));
  else
    REQUIRE(peer.send(client.relayed_address(), Bytes(1, 9)));
  const auto record = record_of(relay, "alice");
  CHECK(record.at("reason") == "quota_exhausted");
  const TrafficCount charged = of(10, 1'000), free_of_charge = of(51, 1'000);
  const Relayed expected = up ? Relayed{charged, free_of_charge} : Relayed{free_of_charge, charged};
  CHECK(relayed_of(record) == expected);
  REQUIRE(peer.settle());
  CHECK(peer.received() == expected.client_to_peer);
  client.poll();
  CHECK(client.received() == expected.peer_to_client);
  const Usage usage = relay.usage();
  CHECK(usage.used_octets == 10'000);
  CHECK(usage.client_to_peer_octets == expected.client_to_peer.octets);
  CHECK(usage.peer_to_client_octets == expected.peer_to_client.octets);
  REQUIRE(relay.relay().stop().status == 0);
  const LedgerRow ledger = ledger_row(relay.state_dir());
  CHECK(ledger.charged_octets == 10'000);
  CHECK(ledger.relayed == expected);
}
