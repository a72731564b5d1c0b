// The bounds and intervals of the Redis client that no operator needs to choose.
// Owner: value. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace plugin::redis {

inline constexpr std::size_t channels_max = 64;
inline constexpr std::size_t redirects_max = 8;   ///< of one command
inline constexpr std::size_t masters_max = 1024;  ///< of a cluster
/// Of one reply: of its texts together, and of one line or bulk of it.
inline constexpr std::size_t reply_octets_max = std::size_t{16} << 20;
inline constexpr std::size_t reply_items_max = 262'144;  ///< of one reply, nested ones too

struct Tuning {
  std::size_t commands_max = 8'192;                ///< waiting or unanswered
  std::size_t octets_max = std::size_t{16} << 20;  ///< of their arguments
  std::int64_t ping_interval_ms = 1'000;           ///< without another answer
  std::int64_t backoff_min_ms = 50;                ///< before the first attempt to connect again
  std::int64_t backoff_max_ms = 5'000;             ///< doubling each time up to this
  std::int64_t topology_interval_ms = 60'000;      ///< between looks at a quiet cluster
  std::uint64_t seed = 0;                          ///< of the jitter; 0: a random one
};

}  // namespace plugin::redis
