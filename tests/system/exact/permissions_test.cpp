// Payload that the relay must not pass on is not counted either: without a permission, after it has
// ended, from strangers, and in malformed frames.
#include <catch2/catch.hpp>
#include <string>

#include "exact/call.h"
#include "support/stun_wire.h"
#include "support/wait_until.h"

using namespace exact;
using namespace turntest;

namespace {

const Bytes hundred(100, 0x11);

/// Permissions are for an address, whatever the port.
const Address another_host = Address::parse("127.0.0.2:0").value();

/// ChannelData as it goes over UDP, with any length field and padding.
Bytes channel_data(std::uint16_t channel, std::uint16_t length, std::size_t octets_behind) {
  Bytes frame(4 + octets_behind, 0x22);
  store_u16(&frame[0], channel);
  store_u16(&frame[2], length);
  return frame;
}

/// Sends to the call's peer until the relay stops passing it on, and then some more; how many
/// payloads that were.
std::uint64_t send_until_refused(Call& call) {
  std::uint64_t sent = 0;
  const bool refused = wait_until(patience, [&] {
    const auto before = call.peer().received().packets;
    REQUIRE(call.send(hundred));
    ++sent;
    call.settle_client_to_peer();
    return call.peer().received().packets == before;
  });
  REQUIRE(refused);
  for (int i = 0; i < 10; ++i) REQUIRE(call.send(hundred));
  call.settle_client_to_peer();
  return sent + 10;
}

}  // namespace

TEST_CASE("what is sent over a channel or permission that has expired is not counted") {
  const bool channel = GENERATE(true, false);
  const auto transport = GENERATE(TransportKind::udp, TransportKind::tls);
  CAPTURE(channel, to_string(transport));
  BrokerRelay relay(with_room({"--permission-lifetime=1", "--channel-lifetime=1"}));
  CallOptions options;
  options.channel = channel;
  options.transport = transport;
  Call call(relay, options);
  UdpPeer kept(UdpPeer::Mode::sink, another_host);

  const std::uint64_t sent = send_until_refused(call);
  const Relayed ends{call.peer().received(), {}};
  CHECK(ends.client_to_peer.packets >= 1);
  CHECK(ends.client_to_peer.packets < sent);

  // The peer is a stranger now. A permitted one behind it tells when the relay has seen both.
  REQUIRE(call.peer().send(call.client().relayed_address(), hundred));
  REQUIRE(call.client().create_permission(kept.address()));
  REQUIRE(kept.send(call.client().relayed_address(), Bytes(7, 0)));
  REQUIRE(call.client().wait_received_packets(1, patience));
  CHECK(call.client().received() == TrafficCount{7, 1});

  // A new ChannelBind or CreatePermission opens the way again.
  call.repeat_requests();
  REQUIRE(call.send(Bytes(13, 0)));
  REQUIRE(call.peer().wait_received_packets(ends.client_to_peer.packets + 1, patience));

  call.capture().drain();
  Relayed expected = ends;
  expected += {{13, 1}, {7, 1}};
  const Relayed seen =
      captured(call.capture(), call.client().relayed_address(), call.peer().address());
  CHECK(seen.client_to_peer == expected.client_to_peer);
  CHECK(relayed_of(live_row(relay, "alice")) == expected);
  check_books(relay, expected);
}

TEST_CASE("traffic goes on being counted exactly while other permissions of the client expire") {
  BrokerRelay relay(with_room({"--permission-lifetime=1", "--channel-lifetime=1"}));
  Call call(relay, {});
  UdpPeer short_lived(UdpPeer::Mode::sink, another_host);
  REQUIRE(call.client().create_permission(short_lived.address()));
  Relayed side;
  const std::size_t size = 333;
  const bool expired = wait_until(patience, [&] {
    call.burst({&size, 1});
    REQUIRE(call.client().bind_channel(Call::channel_number, call.peer().address()));
    const auto before = short_lived.received().packets;
    REQUIRE(call.client().send_indication(short_lived.address(), hundred));
    call.settle_client_to_peer();
    REQUIRE(short_lived.settle());
    return short_lived.received().packets == before;
  });
  REQUIRE(expired);
  call.burst({&size, 1});
  const Relayed main = call.seen();
  side.client_to_peer = short_lived.received();
  Relayed sum = main;
  sum += side;
  CHECK(relayed_of(live_row(relay, "alice")) == sum);
  check_books(relay, sum);
}

TEST_CASE("nobody is counted who has no permission") {
  BrokerRelay relay(with_room());
  const bool channel = GENERATE(true, false);
  CallOptions options;
  options.channel = channel;
  Call call(relay, options);
  const std::size_t size = 100;
  call.burst({&size, 1});

  UdpPeer elsewhere(UdpPeer::Mode::sink, another_host);
  for (int i = 0; i < 10; ++i) REQUIRE(elsewhere.send(call.client().relayed_address(), hundred));
  // To a peer with no permission, to an IPv6 peer, and over a channel that was never bound.
  for (int i = 0; i < 10; ++i) {
    REQUIRE(call.client().send_indication(elsewhere.address(), hundred));
    REQUIRE(call.client().send_indication(Address::loopback(6, 9), hundred));
    REQUIRE(call.client().send_channel(0x4ABC, hundred));
  }
  call.settle_client_to_peer();
  call.burst({&size, 1});

  REQUIRE(elsewhere.settle());
  CHECK(elsewhere.received() == TrafficCount{0, 0});
  CHECK(call.seen() == Relayed{{200, 2}, {200, 2}});
  CHECK(call.finish() == Relayed{{200, 2}, {200, 2}});

  // Without an allocation nothing is relayed at all.
  TurnClient nobody(relay.client(TransportKind::udp, 4, "nobody"));
  REQUIRE(nobody.send_indication(call.peer().address(), hundred));
  REQUIRE(nobody.send_channel(0x4001, hundred));
  REQUIRE(nobody.binding());
  check_books(relay, {{200, 2}, {200, 2}});
}

TEST_CASE("padding, frame headers and malformed frames are not counted") {
  BrokerRelay relay(with_room());
  Call call(relay, {});
  TurnClient& client = call.client();
  const std::uint16_t channel = Call::channel_number;

  // Padded though UDP needs none; more than padding behind it; nothing in it.
  REQUIRE(client.send_raw(channel_data(channel, 5, 8)));
  REQUIRE(call.peer().wait_received_packets(1, patience));
  CHECK(call.peer().received().octets == 5);
  REQUIRE(client.send_raw(channel_data(channel, 1, 4)));
  REQUIRE(client.send_raw(channel_data(channel, 0, 0)));
  REQUIRE(call.peer().wait_received_packets(3, patience));
  CHECK(call.peer().received().octets == 6);

  // More announced than there is; channel numbers that are none; less than a header.
  REQUIRE(client.send_raw(channel_data(channel, 101, 100)));
  REQUIRE(client.send_raw(channel_data(0x3FFF, 100, 100)));
  REQUIRE(client.send_raw(channel_data(0x8001, 100, 100)));
  REQUIRE(client.send_raw(ByteView(channel_data(channel, 0, 0)).first(3)));
  // Send indications without DATA, without XOR-PEER-ADDRESS, and with one twice.
  const auto indication = [&](bool peer, bool data, bool again) {
    StunBuilder builder(StunMethod::send, StunClass::indication, new_transaction_id());
    if (peer) builder.add_xor_address(attribute::xor_peer_address, call.peer().address());
    if (data) builder.add(attribute::data, ByteView(hundred));
    if (again) builder.add(attribute::data, ByteView(hundred));
    return builder.message();
  };
  REQUIRE(client.send_raw(indication(true, false, false)));
  REQUIRE(client.send_raw(indication(false, true, false)));
  REQUIRE(client.send_raw(indication(true, true, true)));
  call.settle_client_to_peer();
  const Relayed before = call.seen();
  INFO("a malformed frame may be relayed or not, but what is relayed is counted");
  CHECK(relayed_of(live_row(relay, "alice")) == before);

  REQUIRE(client.send_raw(indication(true, true, false)));
  call.settle_client_to_peer();
  Relayed expected = before;
  expected += {{100, 1}, {}};
  CHECK(call.finish() == expected);
  check_books(relay, expected);
}
