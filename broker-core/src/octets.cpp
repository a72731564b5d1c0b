#include "broker/octets.h"

#include <array>
#include <cstddef>
#include <optional>

#include "decimal_text.h"
#include "printable.h"

namespace broker {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t ki = 1024;

/// Smallest first within each family; the decimal ones first, so that a tie goes to them.
constexpr std::array octet_units{
    Unit{"B", 1},
    Unit{"kB", 1'000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"PB", 1'000'000'000'000'000},
    Unit{"KiB", ki},
    Unit{"MiB", ki* ki},
    Unit{"GiB", ki* ki* ki},
    Unit{"TiB", ki* ki* ki* ki},
    Unit{"PiB", ki* ki* ki* ki* ki},
};

constexpr std::array rate_units{
    Unit{"bit/s", 1},
    Unit{"kbit/s", 1'000},
    Unit{"Mbit/s", 1'000'000},
    Unit{"Gbit/s", 1'000'000'000},
    Unit{"Tbit/s", 1'000'000'000'000},
    Unit{"B/s", 8},
    Unit{"kB/s", 8'000},
    Unit{"MB/s", 8'000'000},
    Unit{"GB/s", 8'000'000'000},
    Unit{"TB/s", 8'000'000'000'000},
    Unit{"KiB/s", 8 * ki},
    Unit{"MiB/s", 8 * ki* ki},
    Unit{"GiB/s", 8 * ki* ki* ki},
};

constexpr std::uint64_t bits_per_s_max = 10'000'000'000'000;

constexpr std::string_view octets_allowed =
    "allowed: a number and B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB or PiB, such as \"500 GB\", "
    "at "
    "most 9223372036854775807 octets";
constexpr std::string_view rate_allowed =
    "allowed: a number and bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s, B/s, kB/s, MB/s, GB/s, TB/s, "
    "KiB/s, MiB/s or GiB/s, such as \"64 kbit/s\", from 1 bit/s to 10 Tbit/s";

template <std::size_t n>
std::optional<std::uint64_t> factor_of(const std::array<Unit, n>& units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return unit.factor;
  return std::nullopt;
}

Error wrong(std::string_view text, std::string_view what, std::string_view allowed) {
  return Error{quoted(text) + std::string(what) + "; " + std::string(allowed)};
}

/// The number times the unit, at most `max`.
template <std::size_t n>
Result<std::uint64_t> parse_amount(std::string_view text, const std::array<Unit, n>& units,
                                   std::string_view bare_unit, std::uint64_t max,
                                   std::string_view base_units, std::string_view allowed) {
  const std::optional<DecimalText> number = split_decimal(text);
  if (!number) return wrong(text, " does not begin with a number", allowed);
  const std::string_view unit_name = number->rest.empty() ? bare_unit : number->rest;
  if (unit_name.empty()) return wrong(text, " has no unit", allowed);
  const std::optional<std::uint64_t> factor = factor_of(units, unit_name);
  if (!factor) return wrong(text, " has the unknown unit " + quoted(unit_name), allowed);
  const ScaledDecimal scaled = scale_decimal(*number, *factor, max);
  switch (scaled.outcome) {
    case ScaledDecimal::Outcome::exact: return scaled.value;
    case ScaledDecimal::Outcome::fraction:
      return wrong(text, " is not a whole number of " + std::string(base_units), allowed);
    case ScaledDecimal::Outcome::too_large: return wrong(text, " is too large", allowed);
  }
  return wrong(text, " cannot be read", allowed);
}

}  // namespace

Result<Octets> parse_octets(std::string_view text) {
  const auto count = parse_amount(text, octet_units, "B", octets_max, "octets", octets_allowed);
  if (!count) return count.error();
  return Octets{count.value()};
}

Result<BitRate> parse_bit_rate(std::string_view text) {
  const auto rate =
      parse_amount(text, rate_units, "", bits_per_s_max, "bits per second", rate_allowed);
  if (!rate) return rate.error();
  if (rate.value() == 0) return wrong(text, " is no rate", rate_allowed);
  return BitRate{rate.value()};
}

std::string format_octets(Octets amount) {
  std::string shortest = std::to_string(amount.count) + " B";
  for (const Unit& unit : octet_units) {
    if (amount.count < unit.factor) continue;
    const std::optional<std::string> number = divide_exactly(amount.count, unit.factor);
    if (!number) continue;
    std::string text = *number + " " + std::string(unit.name);
    const bool decimal = unit.factor % ki != 0;
    if (text.size() < shortest.size() || (decimal && text.size() == shortest.size()))
      shortest = std::move(text);
  }
  return shortest;
}

std::string format_octets_rounded(Octets amount) {
  constexpr std::array<std::string_view, 7> names{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (amount.count < 1000) return std::to_string(amount.count) + " B";
  // Three digits and how many decimals of the unit they are: 1.50, 15.0, 150.
  std::uint64_t divisor = 1;
  int thousands = 0;
  while (amount.count / divisor >= 1000) {
    divisor *= 1000;
    ++thousands;
  }
  int decimals = 2;
  for (std::uint64_t whole = amount.count / divisor; whole >= 10; whole /= 10) --decimals;
  std::uint64_t step = divisor;
  for (int i = 0; i < decimals; ++i) step /= 10;
  std::uint64_t digits = amount.count / step + (amount.count % step >= step - step / 2 ? 1 : 0);
  if (digits == 1000) {  // 999.9 kB rounds to 1.00 MB, 9.999 kB to 10.0 kB
    digits = 100;
    decimals = decimals == 0 ? 2 : decimals - 1;
    if (decimals == 2) ++thousands;
  }
  std::string text = std::to_string(digits);
  if (decimals > 0) text.insert(text.size() - static_cast<std::size_t>(decimals), ".");
  return text + " " + std::string(names.at(static_cast<std::size_t>(thousands)));
}

}  // namespace broker
