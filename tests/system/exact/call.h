// One client with one allocation, one UDP peer, and a packet capture between relay and peer.
// Everything it sends is waited for before the next is sent, so that no receive buffer overflows
// and every count is exact. Owner: the test. Threads: one at a time.
#pragma once

#include <span>
#include <string>

#include "exact/observed.h"
#include "support/turn_client.h"
#include "support/udp_peer.h"

namespace exact {

struct CallOptions {
  std::string name = "alice";
  turntest::TransportKind transport = turntest::TransportKind::udp;
  int family = 4;       ///< of the client's and of the relayed transport address
  bool channel = true;  ///< else Send and Data indications
  int peer_family = 0;  ///< of the relayed transport address, when it is another
};

class Call {
 public:
  static constexpr std::uint16_t channel_number = 0x4001;
  /// What the relay's own receive buffers surely hold.
  static constexpr std::size_t burst_packets_max = 16;

  /// Allocates, and opens the way to the peer; fails the test case when that is refused.
  Call(turntest::BrokerRelay& relay, CallOptions options);

  [[nodiscard]] turntest::TurnClient& client() { return client_; }
  [[nodiscard]] turntest::UdpPeer& peer() { return peer_; }
  [[nodiscard]] turntest::PacketCapture& capture() { return capture_; }

  bool send(turntest::ByteView payload);
  /// One payload of each size, first to the peer and then back.
  void exchange(std::span<const std::size_t> sizes);
  /// All sizes to the peer and then all back; at most burst_packets_max.
  void burst(std::span<const std::size_t> sizes);
  /// What clients repeat: ChannelBind, CreatePermission, Refresh. None of it is payload.
  void repeat_requests();
  /// Nothing of what was sent before is under way from client to peer any more.
  void settle_client_to_peer();

  /// What both ends received. The capture must have seen exactly that, and nobody lost anything.
  [[nodiscard]] Relayed seen();
  /// Holds the allocation's live row against seen(), and releases it. Its record comes when the
  /// server has let go of it, which takes coturn a second.
  Relayed release();
  /// The same, waits for the record, and holds that against it too.
  Relayed finish();

 private:
  turntest::BrokerRelay& relay_;
  CallOptions options_;
  turntest::UdpPeer peer_;
  turntest::PacketCapture capture_;
  turntest::TurnClient client_;
  turntest::Bytes payload_;
};

}  // namespace exact
