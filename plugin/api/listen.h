// Listening TCP sockets for the addresses that the configuration names.
// Owner: value, move-only. Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>

#include "broker/result.h"
#include "unique_fd.h"

namespace plugin {

struct TcpListener {
  UniqueFd fd;          ///< bound, listening, non-blocking, close-on-exec
  std::string address;  ///< "127.0.0.1:8080", with the port that the system chose for 0
};

/// `address` is as broker::HttpConfig::listen has it. An IPv6 address takes IPv6 alone. The error
/// names the address and why.
[[nodiscard]] broker::Result<TcpListener> listen_on_tcp(const std::string& address);

}  // namespace plugin
