#include "decimal_text.h"

#include <cstddef>

namespace broker {

namespace {

__extension__ typedef unsigned __int128 Wide;  // a keyword of the compiler, which pedantry dislikes

/// More digits behind the point than this cannot give whole octets of any unit people write.
constexpr std::size_t fraction_digits_max = 18;
/// 2^63 has 19.
constexpr std::size_t whole_digits_max = 19;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

std::uint64_t number_of(std::string_view digits) {
  std::uint64_t value = 0;
  for (char digit : digits) value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  return value;
}

}  // namespace

std::optional<DecimalText> split_decimal(std::string_view text) {
  DecimalText result;
  result.whole = take_digits(text);
  if (result.whole.empty()) return std::nullopt;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    result.fraction = take_digits(text);
    if (result.fraction.empty()) return std::nullopt;
  }
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  result.rest = text;
  while (!result.whole.empty() && result.whole.front() == '0') result.whole.remove_prefix(1);
  while (!result.fraction.empty() && result.fraction.back() == '0')
    result.fraction.remove_suffix(1);
  return result;
}

ScaledDecimal scale_decimal(const DecimalText& number, std::uint64_t factor, std::uint64_t max) {
  using Outcome = ScaledDecimal::Outcome;
  if (number.whole.size() > whole_digits_max) return {Outcome::too_large, 0};
  if (number.fraction.size() > fraction_digits_max) return {Outcome::fraction, 0};
  Wide scale = 1;
  for (std::size_t i = 0; i < number.fraction.size(); ++i) scale *= 10;
  const Wide whole = Wide{number_of(number.whole)} * factor;
  const Wide fraction = Wide{number_of(number.fraction)} * factor;
  if (whole > max) return {Outcome::too_large, 0};
  if (fraction % scale != 0) return {Outcome::fraction, 0};
  const Wide sum = whole + fraction / scale;
  if (sum > max) return {Outcome::too_large, 0};
  return {Outcome::exact, static_cast<std::uint64_t>(sum)};
}

std::optional<std::string> divide_exactly(std::uint64_t value, std::uint64_t divisor) {
  std::string text = std::to_string(value / divisor);
  std::uint64_t rest = value % divisor;
  for (std::size_t digits = 0; rest != 0; ++digits) {
    if (digits == fraction_digits_max) return std::nullopt;
    if (digits == 0) text += '.';
    rest *= 10;
    text += static_cast<char>('0' + rest / divisor);
    rest %= divisor;
  }
  return text;
}

}  // namespace broker
