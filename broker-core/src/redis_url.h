// The URL of a Redis server as the configuration writes it.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/config.h"

namespace broker {

inline constexpr std::string_view redis_url_allowed =
    "redis://HOST[:PORT][/DATABASE], rediss://... with TLS, or unix:/PATH";

struct RedisUrl {
  RedisAddress address;
  bool tls = false;
  std::optional<std::uint32_t> database;  ///< nullopt: not given
};

/// The error reads "...; allowed: ..." and shows nothing of the text, which may hold a password.
[[nodiscard]] Result<RedisUrl> parse_redis_url(std::string_view text);

}  // namespace broker
