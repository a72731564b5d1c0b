// The hash slots of a Redis Cluster.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace plugin::redis {

inline constexpr std::uint16_t slots = 16'384;

/// CRC-16/XMODEM.
[[nodiscard]] std::uint16_t crc16(std::string_view octets);

/// Of a key: of what stands between its first '{' and the next '}', if that is anything.
[[nodiscard]] std::uint16_t slot_of(std::string_view key);

}  // namespace plugin::redis
