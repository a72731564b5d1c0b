// Ports for servers that tests start.
// Owner: a PortLease by whoever starts the server. Threads: any; also other processes that use
// this.
//
// The ports lie below the system's ephemeral range, so that no client socket can take one while a
// server is being restarted on it. A lock file keeps other tests on this machine away.
#pragma once

#include <cstdint>

#include "support/descriptor.h"

namespace turntest {

class PortLease {
 public:
  /// A port on which UDP and TCP are free, for IPv4 and IPv6. Throws std::runtime_error when there
  /// is none.
  PortLease();
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_ = 0;
  Descriptor lock_;
};

/// Ports for datagram clients, 32768 .. 49151 in turn from a random one: below the range that
/// relays take relayed ports from, and not used again by this process before 16 384 others were. A
/// server remembers a 5-tuple for as long as the allocation lives, so a random port might meet an
/// old one.
[[nodiscard]] std::uint16_t next_client_port();

/// A port that is free now, without a lease: for the odd server of a short test.
[[nodiscard]] std::uint16_t free_port();

}  // namespace turntest
