// RFC 6062: streams to peers, set up by the client or by the peer. Octets are exact; a "packet" is
// a read of the stream, of which there is at least one.
#include <catch2/catch.hpp>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "exact/observed.h"
#include "support/tcp_peer.h"
#include "support/turn_client.h"
#include "support/wait_until.h"

using namespace exact;
using namespace turntest;

namespace {

struct Octets {
  std::uint64_t client_to_peer = 0, peer_to_client = 0;
  friend bool operator==(const Octets&, const Octets&) = default;
};

std::ostream& operator<<(std::ostream& out, const Octets& octets) {
  return out << octets.client_to_peer << " client_to_peer, " << octets.peer_to_client
             << " peer_to_client";
}

Octets octets_of(const nlohmann::json& row) {
  const Relayed relayed = relayed_of(row);
  CHECK((relayed.client_to_peer.packets != 0) == (relayed.client_to_peer.octets != 0));
  CHECK((relayed.peer_to_client.packets != 0) == (relayed.peer_to_client.octets != 0));
  return {relayed.client_to_peer.octets, relayed.peer_to_client.octets};
}

/// A client with a TCP allocation.
struct StreamClient {
  StreamClient(BrokerRelay& relay, TransportKind transport, int family,
               std::string_view name = "alice")
      : client(relay.client(transport, family, name)) {
    AllocateOptions options;
    options.tcp = true;
    options.family = family;
    REQUIRE(client.allocate(options));
  }

  std::unique_ptr<DataConnection> bind(std::uint32_t connection_id) {
    Outcome outcome;
    auto connection = client.bind_connection(connection_id, outcome);
    REQUIRE(outcome);
    return connection;
  }

  /// The client's way to a peer.
  std::unique_ptr<DataConnection> connect(TcpPeer& peer) {
    std::uint32_t id = 0;
    REQUIRE(client.connect_peer(peer.address(), id));
    return bind(id);
  }

  /// The peer's way to the client.
  std::pair<std::unique_ptr<DataConnection>, TcpPeer::ConnectionNumber> accept(TcpPeer& peer) {
    REQUIRE(client.create_permission(peer.address()));
    const auto number = peer.connect_to(client.relayed_address(), patience);
    const auto attempt = client.wait_connection_attempt(patience);
    REQUIRE(attempt);
    return {bind(attempt->connection_id), number};
  }

  TurnClient client;
};

/// Ends the relay and holds its ledger and its records against `expected`.
void check_stream_books(BrokerRelay& relay, const Octets& expected) {
  REQUIRE(relay.relay().stop().status == 0);
  const Usage recorded = relay.recorded();
  CHECK(Octets{recorded.client_to_peer_octets, recorded.peer_to_client_octets} == expected);
  const LedgerRow ledger = ledger_row(relay.state_dir());
  CHECK(Octets{ledger.relayed.client_to_peer.octets, ledger.relayed.peer_to_client.octets} ==
        expected);
  CHECK(ledger.charged_octets == expected.client_to_peer + expected.peer_to_client);
}

}  // namespace

TEST_CASE("a stream that the client opens is counted to the octet, both ways") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  const int family = GENERATE(4, 6);
  CAPTURE(to_string(transport), family);
  std::mt19937_64 random(test_seed());
  BrokerRelay relay(with_room());
  StreamClient stream(relay, transport, family);
  Octets expected;
  for (int round = 0; round < 3; ++round) {
    TcpPeer peer(TcpPeer::Mode::echo, Address::loopback(family));
    const auto connection = stream.connect(peer);
    std::uint64_t octets = 0;
    for (const std::size_t size : {1, 2, 3, 999, 1'460, 65'535, 65'536, 300'001}) {
      const std::size_t each = size + random() % 7;
      REQUIRE(connection->write(Bytes(each, 0x66), patience));
      octets += each;
      REQUIRE(connection->drain(octets, patience));
    }
    CHECK(connection->sent().octets == octets);
    CHECK(connection->received().octets == octets);
    expected.client_to_peer += octets;
    expected.peer_to_client += octets;
    CHECK(peer.received().octets == octets);
    CHECK(octets_of(live_row(relay, "alice")) == expected);
    REQUIRE(stream.client.refresh(600));
  }
  check_stream_books(relay, expected);
}

TEST_CASE("a stream that the peer opens is counted, also what came before it was bound") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  const int family = GENERATE(4, 6);
  CAPTURE(to_string(transport), family);
  BrokerRelay relay(with_room());
  TcpPeer peer(TcpPeer::Mode::sink, Address::loopback(family));
  StreamClient stream(relay, transport, family);
  REQUIRE(stream.client.create_permission(peer.address()));
  const auto number = peer.connect_to(stream.client.relayed_address(), patience);
  const auto attempt = stream.client.wait_connection_attempt(patience);
  REQUIRE(attempt);

  // What the peer sends now waits in the relay, and costs nothing before it goes to the client.
  REQUIRE(peer.send(number, Bytes(5'001, 0x01)));
  REQUIRE(peer.wait_sent_octets(5'001, patience));
  REQUIRE(stream.client.refresh(600));
  CHECK(octets_of(live_row(relay, "alice")) == Octets{});

  const auto connection = stream.bind(attempt->connection_id);
  REQUIRE(connection->drain(5'001, patience));
  CHECK(octets_of(live_row(relay, "alice")) == Octets{0, 5'001});
  REQUIRE(peer.send(number, Bytes(70'003, 0x02)));
  REQUIRE(connection->drain(75'004, patience));
  REQUIRE(connection->write(Bytes(12'345, 0x03), patience));
  REQUIRE(peer.wait_received_octets(12'345, patience));
  const Octets expected{12'345, 75'004};
  CHECK(connection->received().octets == expected.peer_to_client);
  CHECK(octets_of(live_row(relay, "alice")) == expected);
  check_stream_books(relay, expected);
}

TEST_CASE("octets of a stream that is never bound are not counted") {
  BrokerRelay relay(with_room());
  TcpPeer peer;
  StreamClient stream(relay, TransportKind::tcp, 4);
  REQUIRE(stream.client.create_permission(peer.address()));
  const auto number = peer.connect_to(stream.client.relayed_address(), patience);
  REQUIRE(stream.client.wait_connection_attempt(patience));
  REQUIRE(peer.send(number, Bytes(3'000, 0x01)));
  REQUIRE(peer.wait_sent_octets(3'000, patience));
  // A Connect that nobody binds, and one that a closed port refuses.
  std::uint32_t id = 0;
  REQUIRE(stream.client.connect_peer(peer.address(), id));
  const Address closed = TcpPeer().address();
  CHECK(stream.client.connect_peer(closed, id).code == 447);
  REQUIRE(stream.client.refresh(0));
  CHECK(octets_of(record_of(relay, "alice")) == Octets{});
  check_stream_books(relay, {});
}

TEST_CASE("what is sent before either end finishes its stream arrives and is counted") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  const bool by_client = GENERATE(true, false);
  CAPTURE(to_string(transport), by_client);
  BrokerRelay relay(with_room());
  TcpPeer peer;
  StreamClient stream(relay, transport, 4);
  const auto [connection, number] = stream.accept(peer);
  Octets expected;
  // Little enough for the kernel's buffers: coturn does not wait for a reader at the end.
  if (by_client) {
    REQUIRE(connection->write(Bytes(30'007, 0x07), patience));
    connection->finish_writing();
    REQUIRE(peer.wait_all_closed(patience));
    expected.client_to_peer = peer.received().octets;
    CHECK(expected.client_to_peer == 30'007);
  } else {
    REQUIRE(peer.send(number, Bytes(30'007, 0x07)));
    peer.finish_writing(number);
    while (!connection->closed()) (void)connection->read_some(patience);
    expected.peer_to_client = connection->received().octets;
    CHECK(expected.peer_to_client == 30'007);
  }
  // The allocation outlives its connections.
  CHECK(octets_of(live_row(relay, "alice")) == expected);
  check_stream_books(relay, expected);
}

TEST_CASE("what did not reach a client that reads too late for the stream's end is not counted") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  CAPTURE(to_string(transport));
  BrokerRelay relay(with_room());
  StreamClient stream(relay, transport, 4);
  Octets expected;
  for (int round = 0; round < rounds(8, 2); ++round) {
    for (const std::size_t octets : {150'001, 200'007, 400'009, 2'000'003}) {
      CAPTURE(round, octets);
      TcpPeer peer;
      const auto [connection, number] = stream.accept(peer);
      REQUIRE(peer.send(number, Bytes(octets, 0x07)));
      peer.finish_writing(number);
      // The relay ends the stream when it has read all; the client may have been slower.
      while (!connection->closed()) (void)connection->read_some(patience);
      CHECK(connection->received().octets <= octets);
      expected.peer_to_client += connection->received().octets;
      const Octets counted = octets_of(live_row(relay, "alice"));
      CHECK(counted == expected);
      // One difference is told once.
      expected = counted;
    }
  }
  check_stream_books(relay, expected);
}

TEST_CASE("a stream is cut in its middle at the quota, and what the peer received is recorded") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  CAPTURE(to_string(transport));
  constexpr std::uint64_t limit = 1'000'000;
  BrokerRelayOptions options;
  options.csp_toml = BrokerRelay::acme("1 MB");
  BrokerRelay relay(options);
  TcpPeer peer;
  StreamClient stream(relay, transport, 4);
  const auto connection = stream.connect(peer);
  // The kernel's buffers may take all of it before the cut.
  connection->write(Bytes(3'000'000, 0x08), patience);
  const auto record = record_of(relay, "alice");
  CHECK(record.at("reason") == "quota_exhausted");
  REQUIRE(peer.wait_all_closed(patience));
  const Octets expected{peer.received().octets, 0};
  CHECK(expected.client_to_peer == limit);
  CHECK(octets_of(record) == expected);
  CHECK(relay.usage().used_octets == limit);
  check_stream_books(relay, expected);
}

TEST_CASE("a stream that flows both ways is never over its quota") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  CAPTURE(to_string(transport));
  constexpr std::uint64_t limit = 1'000'000;
  BrokerRelayOptions options;
  options.csp_toml = BrokerRelay::acme("1 MB");
  BrokerRelay relay(options);
  TcpPeer peer(TcpPeer::Mode::echo);
  StreamClient stream(relay, transport, 4);
  const auto connection = stream.connect(peer);
  while (!connection->closed()) {
    if (!connection->write(Bytes(10'000, 0x09), patience)) break;
    if (!connection->drain(connection->sent().octets, patience)) break;
  }
  const auto record = record_of(relay, "alice");
  CHECK(record.at("reason") == "quota_exhausted");
  REQUIRE(peer.wait_all_closed(patience));
  const Octets counted = octets_of(record);
  CHECK(counted.client_to_peer + counted.peer_to_client <= limit);
  CHECK(peer.received().octets == counted.client_to_peer);
  CHECK(connection->received().octets <= counted.peer_to_client);
  CHECK(relay.usage().used_octets == counted.client_to_peer + counted.peer_to_client);
  check_stream_books(relay, counted);
}

TEST_CASE("a slow reader slows its stream down, and all of it is counted") {
  const auto transport = GENERATE(TransportKind::tcp, TransportKind::tls);
  CAPTURE(to_string(transport));
  BrokerRelay relay(with_room());
  TcpPeer peer;
  StreamClient stream(relay, transport, 4);
  const auto [connection, number] = stream.accept(peer);
  constexpr std::uint64_t octets = 40'000'000;
  REQUIRE(peer.send(number, Bytes(octets, 0x0a)));
  // Until everything between peer and client is full.
  std::uint64_t sent = 0;
  REQUIRE(wait_until(patience, [&] {
    return peer.sent().octets == std::exchange(sent, peer.sent().octets) && sent != 0;
  }));
  REQUIRE(connection->drain(octets, patience));
  const Octets expected{0, octets};
  CHECK(octets_of(live_row(relay, "alice")) == expected);
  check_stream_books(relay, expected);
}

TEST_CASE("several streams of several allocations add up") {
  auto options = with_room();
  options.relay.relay_threads = 2;
  BrokerRelay relay(options);
  // To one peer, a client may have one connection at a time.
  std::vector<std::unique_ptr<TcpPeer>> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(std::make_unique<TcpPeer>(TcpPeer::Mode::echo));
  Octets sum;
  for (const TransportKind transport : {TransportKind::tcp, TransportKind::tls}) {
    const std::string name(to_string(transport));
    StreamClient stream(relay, transport, 4, name);
    std::vector<std::unique_ptr<DataConnection>> connections;
    for (const auto& peer : peers) connections.push_back(stream.connect(*peer));
    Octets octets;
    for (std::size_t round = 1; round <= 10; ++round) {
      for (const auto& connection : connections) {
        REQUIRE(connection->write(Bytes(round * 777, 0x0b), patience));
        octets.client_to_peer += round * 777;
      }
      for (const auto& connection : connections)
        REQUIRE(connection->drain(connection->sent().octets, patience));
    }
    octets.peer_to_client = octets.client_to_peer;
    CHECK(octets_of(live_row(relay, name)) == octets);
    // The end of the client's connection to the server ends its allocation and all its streams.
    sum.client_to_peer += octets.client_to_peer;
    sum.peer_to_client += octets.peer_to_client;
  }
  CHECK(octets_of(record_of(relay, "tcp")) ==
        Octets{sum.client_to_peer / 2, sum.peer_to_client / 2});
  CHECK(octets_of(record_of(relay, "tls")) ==
        Octets{sum.client_to_peer / 2, sum.peer_to_client / 2});
  check_stream_books(relay, sum);
}
