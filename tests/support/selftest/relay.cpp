// The whole library against a real turnserver, as a system test would use it.
#include "support/relay_process.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <set>

#include "support/packet_capture.h"
#include "support/tcp_peer.h"
#include "support/udp_peer.h"

namespace turntest {
namespace {

constexpr Milliseconds patience{10000};

/// One relay for all cases of this file that do not break it.
RelayProcess& shared_relay() {
  static RelayProcess relay([] {
    RelayOptions options;
    options.arguments = {"--mobility"};
    return options;
  }());
  return relay;
}

/// Sends one payload and waits for it, so that nothing is lost on the way and all counts are exact.
template <typename Send>
void send_and_await(Send send, UdpPeer& peer) {
  const std::uint64_t before = peer.received().packets;
  REQUIRE(send());
  REQUIRE(peer.wait_received_packets(before + 1, patience));
}

TEST_CASE("payload is counted alike at client, peer and capture on every path") {
  RelayProcess& relay = shared_relay();
  const auto transport = GENERATE(from_range(all_transports));
  const int family = GENERATE(4, 6);
  CAPTURE(to_string(transport), family);

  UdpPeer peer(UdpPeer::Mode::sink, Address::loopback(family));
  PacketCapture capture({peer.address().port}, 16 << 20);
  TurnClient client(relay.client_options(transport, family));
  AllocateOptions allocate;
  allocate.family = family;
  REQUIRE(client.allocate(allocate));
  CHECK(client.relayed_address().family == family);
  CHECK(client.lifetime_s() == 600);
  REQUIRE(client.create_permission(peer.address()));
  REQUIRE(client.bind_channel(0x4000, peer.address()));

  std::uint64_t octets = 0;
  std::uint64_t packets = 0;
  for (const std::size_t size : {0, 1, 2, 3, 4, 5, 999, 1200, 1400}) {
    const Bytes payload(size, static_cast<std::uint8_t>(size));
    send_and_await([&] { return client.send_channel(0x4000, payload); }, peer);
    send_and_await([&] { return client.send_indication(peer.address(), payload); }, peer);
    REQUIRE(peer.send(client.relayed_address(), payload));
    const auto data = client.receive(patience);
    REQUIRE(data);
    CHECK(data->payload == payload);
    CHECK(data->peer == peer.address());
    CHECK(data->channel == 0x4000);
    octets += size;
    ++packets;
  }
  capture.drain();
  const TrafficCount client_to_peer{2 * octets, 2 * packets}, peer_to_client{octets, packets};
  CHECK(client.sent() == client_to_peer);
  CHECK(peer.received() == client_to_peer);
  CHECK(peer.received_from(client.relayed_address()) == client_to_peer);
  CHECK(capture.between(client.relayed_address(), peer.address()) == client_to_peer);
  CHECK(client.received() == peer_to_client);
  CHECK(peer.sent() == peer_to_client);
  CHECK(capture.between(peer.address(), client.relayed_address()) == peer_to_client);
  CHECK(capture.drops() == 0);
  CHECK(client.bad_frames() == 0);
  CHECK(client.refresh(0));
}

TEST_CASE("a peer without a channel is heard through Data indications") {
  UdpPeer peer(UdpPeer::Mode::echo);
  TurnClient client(shared_relay().client_options());
  REQUIRE(client.allocate());
  REQUIRE(client.create_permission(peer.address()));
  REQUIRE(client.send_indication(peer.address(), bytes_of("hello")));
  const auto data = client.receive(patience);
  REQUIRE(data);
  CHECK(data->channel == 0);
  CHECK(data->peer == peer.address());
  CHECK(text_of(data->payload) == "hello");
}

TEST_CASE("Binding tells the client's own address") {
  for (const TransportKind transport : all_transports) {
    TurnClient client(shared_relay().client_options(transport));
    REQUIRE(client.binding());
    CHECK(client.mapped_address() == client.local_address());
  }
}

TEST_CASE("error responses surface with code and reason") {
  RelayProcess& relay = shared_relay();
  SECTION("a wrong password is 401") {
    ClientOptions options = relay.client_options();
    options.credentials.password = "wrong";
    TurnClient client(options);
    const Outcome outcome = client.allocate();
    CHECK(outcome.kind == Outcome::Kind::error);
    CHECK(outcome.code == 401);
    // Who is not known gets no phrase.
    CHECK(outcome.reason.empty());
  }
  SECTION("a second Allocate on the 5-tuple is 437") {
    TurnClient client(relay.client_options());
    REQUIRE(client.allocate());
    CHECK(client.allocate().code == 437);
  }
  SECTION("Refresh without an allocation is 437") {
    TurnClient client(relay.client_options());
    CHECK(client.refresh(600).code == 437);
  }
  SECTION("a channel number out of range is 400") {
    TurnClient client(relay.client_options());
    REQUIRE(client.allocate());
    const Outcome outcome = client.bind_channel(0x3FFF, Address::loopback(4, 9));
    CHECK(outcome.code == 400);
    CHECK_FALSE(outcome.reason.empty());
  }
}

TEST_CASE("a server that does not answer, or is not there, is told apart from an error") {
  const UdpPeer silent;
  ClientOptions options;
  options.server = silent.address();
  options.timeout = Milliseconds(60);
  TurnClient client(options);
  CHECK(client.binding().kind == Outcome::Kind::timed_out);
  CHECK(client.wait_connection_attempt(Milliseconds(1)) == std::nullopt);

  options.server.port = free_port();
  options.transport = TransportKind::tcp;
  CHECK_THROWS_WITH(TurnClient(options), Catch::Contains(options.server.to_string()));
}

TEST_CASE("a request is retransmitted until it is answered") {
  UdpPeer silent;
  ClientOptions options;
  options.server = silent.address();
  options.timeout = Milliseconds(400);
  options.first_retransmission = Milliseconds(20);
  TurnClient client(options);
  CHECK(client.binding().kind == Outcome::Kind::timed_out);
  // 20 + 40 + 80 + 160 ms: five datagrams fit into 400 ms; a slow machine may skip some.
  CHECK(silent.received().packets >= 2);
  CHECK(silent.received().packets <= 5);
}

TEST_CASE("a mobility ticket moves the allocation to another 5-tuple") {
  RelayProcess& relay = shared_relay();
  AllocateOptions options;
  options.mobility = true;
  TurnClient first(relay.client_options());
  REQUIRE(first.allocate(options));
  REQUIRE_FALSE(first.mobility_ticket().empty());
  TurnClient second(relay.client_options());
  REQUIRE(second.refresh_with_ticket(first.mobility_ticket(), 600));
  CHECK(second.refresh(600));
}

TEST_CASE("one allocation may have an IPv4 and an IPv6 relayed address") {
  AllocateOptions options;
  options.both_families = true;
  TurnClient client(shared_relay().client_options());
  REQUIRE(client.allocate(options));
  CHECK(client.relayed_address().family == 4);
  CHECK(client.second_relayed_address().family == 6);
}

TEST_CASE("EVEN-PORT gives an even port and reserves the next") {
  AllocateOptions options;
  options.reserve_next_port = true;
  TurnClient first(shared_relay().client_options());
  REQUIRE(first.allocate(options));
  CHECK(first.relayed_address().port % 2 == 0);
  REQUIRE(first.reservation_token().size() == 8);
  AllocateOptions next;
  next.reservation_token = first.reservation_token();
  TurnClient second(shared_relay().client_options());
  REQUIRE(second.allocate(next));
  CHECK(second.relayed_address().port == first.relayed_address().port + 1);
}

TEST_CASE("RFC 6062: streams reach a TCP peer and come back, octet by octet") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  CAPTURE(to_string(transport));
  TcpPeer peer(TcpPeer::Mode::echo);
  TurnClient client(shared_relay().client_options(transport));
  AllocateOptions options;
  options.tcp = true;
  REQUIRE(client.allocate(options));
  REQUIRE(client.create_permission(peer.address()));
  const Bytes payload(200'001, 0x5A);

  SECTION("Connect") {
    std::uint32_t id = 0;
    REQUIRE(client.connect_peer(peer.address(), id));
    Outcome outcome;
    const auto stream = client.bind_connection(id, outcome);
    REQUIRE(outcome);
    REQUIRE(stream->write(payload, patience));
    REQUIRE(stream->drain(payload.size(), patience));
    CHECK(stream->sent().octets == payload.size());
    CHECK(stream->received().octets == payload.size());
    CHECK(peer.received().octets == payload.size());
    CHECK(peer.sent().octets == payload.size());
  }
  SECTION("ConnectionAttempt") {
    const auto number = peer.connect_to(client.relayed_address(), patience);
    const auto attempt = client.wait_connection_attempt(patience);
    REQUIRE(attempt);
    Outcome outcome;
    const auto stream = client.bind_connection(attempt->connection_id, outcome);
    REQUIRE(outcome);
    REQUIRE(peer.send(number, payload));
    REQUIRE(stream->drain(payload.size(), patience));
    CHECK(stream->received().octets == payload.size());
    CHECK(peer.sent().octets == payload.size());
  }
}

TEST_CASE("a connection whose id the relay does not know is refused") {
  TurnClient client(shared_relay().client_options(TransportKind::tcp));
  AllocateOptions options;
  options.tcp = true;
  REQUIRE(client.allocate(options));
  Outcome outcome;
  CHECK(client.bind_connection(12345, outcome) == nullptr);
  CHECK(outcome.kind != Outcome::Kind::success);
}

TEST_CASE("a burst is relayed without loss on our side") {
  UdpPeer peer;
  TurnClient client(shared_relay().client_options());
  REQUIRE(client.allocate());
  REQUIRE(client.bind_channel(0x4001, peer.address()));
  for (int i = 0; i < 40; ++i) client.queue_channel(0x4001, Bytes(700, 1));
  CHECK(client.flush_queue() == 40);
  CHECK(client.queued() == 0);
  CHECK(peer.wait_received_packets(40, patience));
  CHECK(peer.send_many(client.relayed_address(), Bytes(700, 2), 20) == 20);
  CHECK(client.wait_received_packets(20, patience));
  CHECK(peer.settle());
  CHECK(peer.received() == TrafficCount{40 * 700, 40});
  CHECK(peer.kernel_drops() == 0);
  CHECK(client.kernel_drops() == 0);
}

TEST_CASE("the capture and the peer lose nothing of a burst") {
  const int family = GENERATE(4, 6);
  UdpPeer from(UdpPeer::Mode::sink, Address::loopback(family));
  UdpPeer to(UdpPeer::Mode::sink, Address::loopback(family));
  PacketCapture capture({to.address().port}, 64 << 20);
  REQUIRE(from.send_many(to.address(), Bytes(1200, 7), 20'000) == 20'000);
  REQUIRE(to.settle());
  capture.drain();
  CHECK(to.received() == TrafficCount{20'000 * 1200, 20'000});
  CHECK(capture.between(from.address(), to.address()) == to.received());
  CHECK(capture.sent_to(to.address()) == to.received());
  CHECK(capture.sent_from(to.address()) == TrafficCount{});
  CHECK(capture.drops() == 0);
}

TEST_CASE("a relay can run under another program") {
  RelayOptions options;
  options.wrapper = {"/usr/bin/env", "TURNTEST_WRAPPED=1"};
  options.awaited = {TransportKind::udp};
  const RelayProcess relay(options);
  TurnClient client(relay.client_options());
  CHECK(client.allocate());
}

TEST_CASE("a killed relay is noticed, and restarts on the same ports") {
  RelayProcess relay;
  const Address address = relay.address(TransportKind::udp);
  const pid_t first = relay.process().pid();
  CHECK(relay.process().rss_octets() > 1'000'000);
  CHECK(relay.process().open_descriptors() > 5);
  TurnClient stream(relay.client_options(TransportKind::tcp));
  REQUIRE(stream.allocate());
  relay.kill();
  CHECK_FALSE(relay.process().running());
  CHECK(stream.refresh(600).kind == Outcome::Kind::closed);
  relay.restart();
  CHECK(relay.process().pid() != first);
  CHECK(relay.address(TransportKind::udp) == address);
  TurnClient client(relay.client_options());
  CHECK(client.allocate());
  CHECK(relay.stop().signal != SIGKILL);
  CHECK(relay.output().find("Default realm") != std::string::npos);
}

TEST_CASE("a leased port is given to nobody else") {
  std::vector<PortLease> leases(50);
  std::set<std::uint16_t> ports;
  for (const PortLease& lease : leases) ports.insert(lease.port());
  CHECK(ports.size() == leases.size());
}

TEST_CASE("a relay that cannot start says why") {
  RelayOptions options;
  options.arguments = {"--no-such-option"};
  const RunResult result = run_refusing_relay(options);
  CHECK(result.exit.status != 0);
  CHECK(result.output.find("no-such-option") != std::string::npos);
  options.binary = "/nonexistent/turnserver";
  CHECK_THROWS_WITH(RelayProcess(options), Catch::Contains("/nonexistent/turnserver"));
}

}  // namespace
}  // namespace turntest
