// The bounds of an HTTP server.
// Owner: value. Threads: any.
#pragma once

#include <chrono>
#include <cstddef>

namespace plugin::http {

struct Limits {
  std::size_t headers_octets_max = 16 * 1024;  ///< request line and headers together
  std::size_t body_octets_max = 64 * 1024;
  std::size_t connections_max = 32;  ///< at once; more wait in the kernel's backlog
  /// From a connection's start, or from the end of its last answer, to the end of the next answer.
  /// One slow octet after another does not extend it.
  std::chrono::milliseconds request_time{10'000};
};

}  // namespace plugin::http
