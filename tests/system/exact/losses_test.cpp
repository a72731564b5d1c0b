// What does not arrive: nothing is recorded that the kernel did not take.
#include <array>
#include <catch2/catch.hpp>
#include <string>

#include "exact/call.h"
#include "support/wait_until.h"

using namespace exact;
using namespace turntest;

namespace {

const Bytes thousand(1'000, 0x33);

/// Takes what arrives at the client until the server's count is what has arrived. That must become
/// true, and stay true.
void drain_to_the_count(BrokerRelay& relay, TurnClient& client) {
  Relayed counted;
  const bool agreed = wait_until(patience, [&] {
    while (client.poll() != 0) {
    }
    counted = relayed_of(live_row(relay, "alice"));
    while (client.poll() != 0) {
    }
    return counted.peer_to_client == client.received();
  });
  CAPTURE(counted, client.received().octets, client.received().packets);
  CHECK(agreed);
}

}  // namespace

TEST_CASE("a peer whose port is closed is counted as much as the kernel sends to it") {
  const auto transport = GENERATE(TransportKind::udp, TransportKind::dtls, TransportKind::tcp);
  const int family = GENERATE(4, 6);
  CAPTURE(to_string(transport), family);
  BrokerRelay relay(with_room());
  CallOptions options;
  options.transport = transport;
  options.family = family;
  Call call(relay, options);
  // ICMP errors come back to the relayed transport address, and to the sends that follow.
  const Address closed = UdpPeer(UdpPeer::Mode::sink, Address::loopback(family)).address();
  PacketCapture to_closed({closed.port}, 4 << 20);
  REQUIRE(call.client().bind_channel(0x4002, closed));
  const std::array<std::size_t, 4> sizes{100, 0, 1, 1'200};
  for (int round = 0; round < rounds(50, 10); ++round) {
    for (const std::size_t size : sizes)
      REQUIRE(call.client().send_channel(0x4002, ByteView(thousand).first(size % 1'000)));
    REQUIRE(call.client().send_indication(closed, ByteView(thousand).first(17)));
    call.burst(sizes);
  }
  Relayed expected = call.seen();
  to_closed.drain();
  expected.client_to_peer += to_closed.between(call.client().relayed_address(), closed);
  CHECK(to_closed.drops() == 0);
  CHECK(to_closed.sent_to(closed).packets > 0);
  CHECK(relayed_of(live_row(relay, "alice")) == expected);
  check_books(relay, expected);
}

TEST_CASE("what a client cannot take because it does not read is not counted") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls, TransportKind::dtls);
  const bool channel = GENERATE(true, false);
  CAPTURE(to_string(transport), channel);
  BrokerRelay relay(with_room());
  UdpPeer peer;
  PacketCapture capture({peer.address().port}, 64 << 20);
  auto options = relay.client(transport);
  options.buffer_octets = transport == TransportKind::dtls ? 16 << 20 : 4'096;
  TurnClient client(options);
  client.on_data([](const ReceivedData&) {});
  REQUIRE(client.allocate());
  REQUIRE(client.create_permission(peer.address()));
  if (channel) REQUIRE(client.bind_channel(0x4001, peer.address()));
  for (int round = 0; round < rounds(8, 3); ++round)
    REQUIRE(peer.send_many(client.relayed_address(), thousand, 500) == 500);
  drain_to_the_count(relay, client);
  // Everything is drained, so that these pass, and come behind all else.
  for (int i = 0; i < 5; ++i) {
    const auto before = client.received().packets;
    REQUIRE(peer.send(client.relayed_address(), thousand));
    REQUIRE(client.wait_received_packets(before + 1, patience));
  }
  CHECK(client.kernel_drops() == 0);
  CHECK(client.bad_frames() == 0);
  capture.drain();
  CHECK(client.received().packets <=
        capture.between(peer.address(), client.relayed_address()).packets);
  check_books(relay, {{}, client.received()});
}

TEST_CASE("what coturn's own bandwidth limit drops is not counted") {
  const auto transport = GENERATE(TransportKind::udp, TransportKind::tcp, TransportKind::dtls);
  CAPTURE(to_string(transport));
  BrokerRelay relay(with_room({"--max-bps=20000"}));
  CallOptions options;
  options.transport = transport;
  Call call(relay, options);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) {
      REQUIRE(call.send(thousand));
      REQUIRE(call.peer().send(call.client().relayed_address(), thousand));
    }
    REQUIRE(call.peer().settle());
    call.client().poll();
  }
  drain_to_the_count(relay, call.client());
  REQUIRE(call.peer().settle());
  call.capture().drain();
  const Relayed ends{call.peer().received(), call.client().received()};
  CHECK(ends.client_to_peer.packets < 200);
  CHECK(captured(call.capture(), call.client().relayed_address(), call.peer().address())
            .client_to_peer == ends.client_to_peer);
  CHECK(relayed_of(live_row(relay, "alice")) == ends);
  check_books(relay, ends);
}

TEST_CASE("a stream client that goes without a word leaves an exact record") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  const bool reset = GENERATE(false, true);
  CAPTURE(to_string(transport), reset);
  BrokerRelay relay(with_room());
  UdpPeer peer;
  PacketCapture capture({peer.address().port}, 16 << 20);
  Relayed sum;
  for (int round = 0; round < rounds(10, 3); ++round) {
    const std::string name = "client-" + std::to_string(round);
    auto options = relay.client(transport, 4, name);
    options.reset_on_close = reset;
    Address relayed;
    {
      TurnClient client(options);
      REQUIRE(client.allocate());
      relayed = client.relayed_address();
      REQUIRE(client.bind_channel(0x4001, peer.address()));
      for (int i = 0; i < 20; ++i) REQUIRE(client.send_channel(0x4001, thousand));
      REQUIRE(peer.send(relayed, thousand));
      REQUIRE(client.wait_received_packets(1, patience));
    }
    const auto record = record_of(relay, name);
    CAPTURE(name, record.dump());
    REQUIRE(peer.settle());
    capture.drain();
    const Relayed seen = captured(capture, relayed, peer.address());
    CHECK(peer.received_from(relayed) == seen.client_to_peer);
    if (!reset) CHECK(seen.client_to_peer.packets == 20);
    CHECK(relayed_of(record) == seen);
    sum += seen;
  }
  CHECK(peer.kernel_drops() == 0);
  CHECK(capture.drops() == 0);
  check_books(relay, sum);
}

TEST_CASE("a stream client that goes while much is on its way to it is never counted too little") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  CAPTURE(to_string(transport));
  BrokerRelay relay(with_room());
  UdpPeer peer;
  PacketCapture capture({peer.address().port}, 16 << 20);
  TrafficCount received;
  Address relayed;
  {
    TurnClient client(relay.client(transport));
    client.on_data([](const ReceivedData&) {});
    REQUIRE(client.allocate());
    relayed = client.relayed_address();
    REQUIRE(client.bind_channel(0x4001, peer.address()));
    for (int i = 0; i < 40; ++i) peer.send_many(relayed, thousand, 25);
    client.poll();
    received = client.received();
  }
  const Relayed counted = relayed_of(record_of(relay, "alice"));
  capture.drain();
  CHECK(counted.peer_to_client.octets >= received.octets);
  CHECK(counted.peer_to_client.octets <=
        captured(capture, relayed, peer.address()).peer_to_client.octets);
  CHECK(counted.client_to_peer == TrafficCount{});
  check_books(relay, counted);
}

TEST_CASE("datagrams beyond any MTU are counted as they arrive") {
  const auto transport = GENERATE(from_range(all_transports));
  const bool channel = GENERATE(true, false);
  CAPTURE(to_string(transport), channel);
  BrokerRelay relay(with_room());
  CallOptions options;
  options.transport = transport;
  options.channel = channel;
  Call call(relay, options);
  TurnClient& client = call.client();
  const Bytes huge(65'507, 0x44);
  bool marked = false;
  client.on_data([&](const ReceivedData& data) { marked = data.payload.size() == 1; });
  // The relay cuts some of these, and drops others; a DTLS record holds 16384 octets.
  for (const std::size_t size : {4'000, 9'000, 16'000, 16'300, 16'379, 16'380, 16'381, 16'384,
                                 16'385, 20'000, 40'000, 65'000, 65'503, 65'507}) {
    CAPTURE(size);
    const bool dtls = transport == TransportKind::dtls;
    if (size <= (dtls ? 16'300U : 65'000U)) call.send(ByteView(huge).first(size));
    call.settle_client_to_peer();
    if (dtls && !channel && size > 16'300) continue;
    marked = false;
    REQUIRE(call.peer().send(client.relayed_address(), ByteView(huge).first(size)));
    REQUIRE(call.peer().send(client.relayed_address(), ByteView(huge).first(1)));
    REQUIRE(wait_until(patience, [&] {
      client.poll();
      return marked || client.closed();
    }));
    REQUIRE_FALSE(client.closed());
    call.capture().drain();
    const Relayed ends{call.peer().received(), client.received()};
    CHECK(
        captured(call.capture(), client.relayed_address(), call.peer().address()).client_to_peer ==
        ends.client_to_peer);
    CHECK(relayed_of(live_row(relay, "alice")) == ends);
  }
  CHECK(client.bad_frames() == 0);
  check_books(relay, {call.peer().received(), client.received()});
}

TEST_CASE("a Data indication that no DTLS record can hold is not counted") {
  BrokerRelay relay(with_room());
  CallOptions options;
  options.transport = TransportKind::dtls;
  options.channel = false;
  Call call(relay, options);
  const std::array<std::size_t, 2> sizes{100, 1'000};
  call.exchange(sizes);
  const Relayed before = call.seen();
  REQUIRE(call.peer().send(call.client().relayed_address(), Bytes(16'370, 0x55)));
  // Another call of the same relay thread: what reaches it later is relayed later.
  options.name = "bob";
  Call fence(relay, options);
  fence.exchange(sizes);
  call.client().poll();
  CHECK(call.client().received() == before.peer_to_client);
  CHECK(relayed_of(live_row(relay, "alice")) == before);
  Relayed sum = before;
  sum += fence.seen();
  check_books(relay, sum);
}
