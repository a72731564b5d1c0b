// Decimal numbers as people write them ("1.5 GB"), kept exact: no floating point.
// Owner: values. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// A text split behind its number. The views borrow from it.
struct DecimalText {
  std::string_view whole;     ///< digits, leading zeros removed
  std::string_view fraction;  ///< digits, trailing zeros removed
  std::string_view rest;      ///< what follows the number and the blanks behind it
};

/// Digits, perhaps a point and more digits, then anything. nullopt when it does not begin so.
[[nodiscard]] std::optional<DecimalText> split_decimal(std::string_view text);

struct ScaledDecimal {
  enum class Outcome : std::uint8_t { exact, fraction, too_large };
  Outcome outcome = Outcome::exact;
  std::uint64_t value = 0;
};

/// number x factor. Outcome::fraction when that is no whole number, too_large when it is beyond
/// `max`. Precondition: factor is 1 .. 2^53, max is at most 2^63.
[[nodiscard]] ScaledDecimal scale_decimal(const DecimalText& number, std::uint64_t factor,
                                          std::uint64_t max);

/// value / divisor as a decimal number, when it has at most 18 digits behind the point.
/// Precondition: divisor is 1 .. 2^53.
[[nodiscard]] std::optional<std::string> divide_exactly(std::uint64_t value, std::uint64_t divisor);

}  // namespace broker
