// The bounds of an HTTP server.
// Owner: value. Threads: any.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace plugin::http {

struct Limits {
  std::size_t headers_octets_max = 16 * 1024;  ///< request line and headers together
  std::size_t body_octets_max = 64 * 1024;
  std::size_t connections_max = 32;  ///< at once, streams not counted
  /// So many more are taken in to be told 503; whoever comes then waits in the kernel's backlog.
  std::size_t connections_excess_max = 0;
  /// Of one remote address, streams counted; IPv6 by /64. 0: no bound. A few more are told 429, the
  /// rest is closed at once.
  std::size_t connections_per_address = 0;
  /// Remote addresses, as inet_ntop(3) writes them, without that bound: proxies, which are many clients.
  std::vector<std::string> addresses_unbounded = {};
  /// From a connection's start, or from the end of its last answer, to the end of the next answer;
  /// a TLS handshake is part of it. One slow octet after another does not extend it.
  std::chrono::milliseconds request_time{10'000};
  /// The same, for a connection beyond a limit, which is only to be told so.
  std::chrono::milliseconds refusal_time{2'000};
  std::size_t streams_max = 256;                     ///< at once; one more is told 503
  std::size_t stream_unread_octets_max = 64 * 1024;  ///< beside what the kernel holds
};

}  // namespace plugin::http
