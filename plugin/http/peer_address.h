// Who is at the other end of a connection.
// Owner: value. Threads: any.
#pragma once

#include <optional>
#include <string>

namespace plugin::http {

struct PeerAddress {
  std::string text;  ///< "192.0.2.1", "2001:db8::1"; an IPv4 address even where IPv6 carries it
  std::string
      network;  ///< what limits count by: the IPv4 address, the first 64 bits of an IPv6 one
};

/// Both texts are empty for a Unix socket. nullopt when the connection has ended.
[[nodiscard]] std::optional<PeerAddress> peer_of(int descriptor);

}  // namespace plugin::http
