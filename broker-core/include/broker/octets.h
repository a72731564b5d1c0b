// Amounts of relayed payload and rates of it, and how people write them.
// Owner: regular value types. Threads: any.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/result.h"

namespace broker {

/// A number of octets of relayed payload, 0 .. 2^63-1.
struct Octets {
  std::uint64_t count = 0;
  friend auto operator<=>(const Octets&, const Octets&) = default;
};

/// A rate in bits per second, 1 .. 10^13.
struct BitRate {
  std::uint64_t bits_per_s = 0;
  friend auto operator<=>(const BitRate&, const BitRate&) = default;
};

inline constexpr std::uint64_t octets_max = (std::uint64_t{1} << 63) - 1;

/// "500 GB", "2 GiB", "1.5 MB", "1024", "64kB": decimal kB MB GB TB PB, binary KiB MiB GiB TiB PiB, B or
/// nothing for octets. Fractions must come out as whole octets. Errors say what is allowed.
[[nodiscard]] Result<Octets> parse_octets(std::string_view text);

/// "64 kbit/s", "2.5 Mbit/s", "1 Gbit/s", "900 bit/s"; also "8 kB/s" and the like (times eight).
[[nodiscard]] Result<BitRate> parse_bit_rate(std::string_view text);

/// The shortest of "1.5 GB" or "1500123 B" that parse_octets reads back to the same number.
[[nodiscard]] std::string format_octets(Octets amount);

/// For people, rounded to three digits: "1.50 GB". Not for parsing.
[[nodiscard]] std::string format_octets_rounded(Octets amount);

/// a + b, or octets_max when it would exceed it.
[[nodiscard]] constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > octets_max || b > octets_max - a ? octets_max : a + b;
}

/// a - b, or 0 when b is larger.
[[nodiscard]] constexpr std::uint64_t saturating_sub(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace broker
