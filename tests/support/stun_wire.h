// Big-endian loads and stores, and the two checksums of STUN; shared by builder, parser and
// framing. Owner: pure functions. Threads: any.
#pragma once

#include <array>
#include <cstdint>

#include "support/bytes.h"

namespace turntest {

inline std::uint16_t load_u16(ByteView from, std::size_t at) {
  return static_cast<std::uint16_t>((from[at] << 8) | from[at + 1]);
}

inline std::uint32_t load_u32(ByteView from, std::size_t at) {
  return (std::uint32_t{load_u16(from, at)} << 16) | load_u16(from, at + 2);
}

inline void store_u16(std::uint8_t* to, std::uint32_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}

inline void store_u32(std::uint8_t* to, std::uint32_t value) {
  store_u16(to, value >> 16);
  store_u16(to + 2, value & 0xFFFF);
}

/// To a multiple of four, as STUN attributes and ChannelData on streams are.
constexpr std::size_t padded(std::size_t octets) { return (octets + 3) & ~std::size_t{3}; }

/// HMAC-SHA1 of a STUN message cut off before its MESSAGE-INTEGRITY, with the header's length taken
/// to end after that attribute.
[[nodiscard]] std::array<std::uint8_t, 20> stun_integrity(ByteView before, ByteView key);

/// FINGERPRINT of a message cut off before that attribute.
[[nodiscard]] std::uint32_t stun_fingerprint(ByteView before);

}  // namespace turntest
