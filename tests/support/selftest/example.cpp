// How to write a system test with test-support; kept compiling and true by being one.
#include <catch2/catch.hpp>

#include "support/packet_capture.h"
#include "support/relay_process.h"
#include "support/udp_peer.h"

using namespace turntest;

TEST_CASE("example: what the far ends received is what the wire carried") {
  RelayOptions options;  // own ports, certificate and directory; UDP, TCP, TLS, DTLS; IPv4, IPv6
  options.relay_threads = 2;
  options.arguments = {"--mobility"};    // command line, e.g. "--plugin=…"
  options.config = "stale-nonce=600\n";  // turnserver.conf
  RelayProcess relay(options);           // returns when it answers; throws with its output

  UdpPeer peer(UdpPeer::Mode::echo);             // counts exactly, on a thread of its own
  PacketCapture capture({peer.address().port});  // the independent observer

  TurnClient client(relay.client_options(TransportKind::tls, 4, "alice"));
  REQUIRE(client.allocate());  // an Outcome: kind, code, reason; prints itself
  REQUIRE(client.bind_channel(0x4000, peer.address()));
  CHECK(client.bind_channel(0x3FFF, peer.address()).code == 400);

  for (int i = 1; i <= 100; ++i) {
    REQUIRE(client.send_channel(0x4000, Bytes(1200, 0x55)));
    const auto data = client.receive(Milliseconds(5000));  // waits with a deadline
    REQUIRE(data);
    CHECK(data->payload.size() == 1200);
  }
  REQUIRE(peer.settle());  // all that reached the peer is counted
  capture.drain();         // all that was on the wire is counted
  CHECK(peer.received() == TrafficCount{120'000, 100});
  CHECK(capture.between(client.relayed_address(), peer.address()) == peer.received());
  CHECK(capture.between(peer.address(), client.relayed_address()) == client.received());
  CHECK(capture.drops() + peer.kernel_drops() + client.kernel_drops() == 0);

  relay.kill();  // kill -9; restart() uses the same ports
  CHECK(client.refresh(600).kind == Outcome::Kind::closed);
  relay.restart();
  CHECK(TurnClient(relay.client_options()).binding());
}
