// Where a Redis server listens.
// Owner: value. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config.h"

namespace plugin::redis {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string path;  ///< of a Unix socket, or empty

  /// "host:port", "[address]:port", or the path.
  [[nodiscard]] std::string name() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

[[nodiscard]] Endpoint endpoint_of(const broker::RedisAddress& address);

/// As MOVED and ASK have it, the port behind the last colon: "10.0.0.1:6379", "::1:6379". Without a
/// host it is `fallback_host`. nullopt when it is none.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text,
                                                     const std::string& fallback_host);

/// Decimal digits for 1 .. 65'535.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text);

/// Fit for a host in a message and a resolver: 1 .. 253 printable ASCII characters but blanks.
[[nodiscard]] bool is_plausible_host(std::string_view text);

}  // namespace plugin::redis
