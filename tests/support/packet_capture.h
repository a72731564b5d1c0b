// An independent observer: counts the UDP payload of every packet that passes the loopback
// interface from or to given ports, by flow. It sees what was really sent, whatever sender or
// receiver claim.
//
// Needs CAP_NET_RAW. Owner: the test. Threads: has one of its own; members may be called from any
// thread.
//
// Watch the peers' ports: between relay and peer a datagram's payload is the application's payload,
// while between client and server it has TURN's framing around it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "support/address.h"
#include "support/bytes.h"

namespace turntest {

struct Flow {
  Address source;
  Address destination;
  friend auto operator<=>(const Flow&, const Flow&) = default;
};

class PacketCapture {
 public:
  /// Returns once it has seen a packet of its own. `ports` 1 .. 64. Throws std::runtime_error with
  /// libpcap's words.
  explicit PacketCapture(std::vector<std::uint16_t> ports, int buffer_octets = 256 << 20);
  ~PacketCapture();
  PacketCapture(const PacketCapture&) = delete;
  PacketCapture& operator=(const PacketCapture&) = delete;

  /// Returns when everything sent before the call is counted. Throws at the deadline.
  void drain(Milliseconds timeout = Milliseconds(10000));

  [[nodiscard]] std::map<Flow, TrafficCount> flows() const;
  [[nodiscard]] TrafficCount sent_from(const Address& source) const;
  [[nodiscard]] TrafficCount sent_to(const Address& destination) const;
  [[nodiscard]] TrafficCount between(const Address& source, const Address& destination) const;
  /// Packets the capture itself lost; the counts are exact only while this is 0.
  [[nodiscard]] std::uint64_t drops() const;

 private:
  struct Capture;
  std::unique_ptr<Capture> capture_;
};

}  // namespace turntest
