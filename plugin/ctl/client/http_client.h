// One HTTP request over a Unix socket, with a deadline.
// Owner: pure function but for the socket. Threads: any; blocks.
#pragma once

#include <chrono>
#include <string>

#include "broker/result.h"

namespace plugin::ctl {

struct HttpCall {
  std::string method;
  std::string target;  ///< path and query
  std::string body;    ///< JSON; no body when empty
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

inline constexpr std::size_t answer_octets_max = 64 * 1024 * 1024;

/// The error names the socket and says what went wrong; an HTTP error status is an answer, not an
/// error.
[[nodiscard]] broker::Result<HttpAnswer> call_over_unix_socket(const std::string& socket_path,
                                                               const HttpCall& call,
                                                               std::chrono::milliseconds time);

/// Splits what a server sent until it closed the connection. Errors: not HTTP/1.x, cut short.
[[nodiscard]] broker::Result<HttpAnswer> parse_http_answer(const std::string& text);

/// Everything but letters, digits and "-._~" as %XX.
[[nodiscard]] std::string percent_encoded(const std::string& text);

}  // namespace plugin::ctl
