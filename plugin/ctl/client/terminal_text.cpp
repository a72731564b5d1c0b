#include "ctl/client/terminal_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace plugin::ctl {

namespace {

struct Decoded {
  std::uint32_t code_point = 0;
  std::size_t octets = 0;  ///< 0: not UTF-8
};

// RFC 3629: shortest form only, no surrogates, up to U+10FFFF.
Decoded decode(std::string_view text) {
  const auto octet = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t first = octet(0);
  if (first < 0x80) return {first, 1};
  const std::size_t octets = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < octets) return {};
  std::uint32_t code_point = first & (0x7fU >> octets);
  for (std::size_t i = 1; i < octets; ++i) {
    if ((octet(i) & 0xc0U) != 0x80U) return {};
    code_point = (code_point << 6U) | (octet(i) & 0x3fU);
  }
  const bool overlong =
      (octets == 3 && code_point < 0x800) || (octets == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (overlong || surrogate || code_point > 0x10ffff) return {};
  return {code_point, octets};
}

bool harmless(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool separator = c == 0x2028 || c == 0x2029;
  const bool direction = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                         (c >= 0x2066 && c <= 0x2069);
  return !control && !separator && !direction;
}

}  // namespace

std::string terminal_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Decoded decoded = decode(text);
    const std::size_t octets = std::max<std::size_t>(decoded.octets, 1);
    if (decoded.octets == 0 || (octets == 1 && !harmless(decoded.code_point)))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    else if (!harmless(decoded.code_point))
      out += fmt::format("\\u{{{:x}}}", decoded.code_point);
    else
      out += text.substr(0, octets);
    text.remove_prefix(octets);
  }
  return out;
}

std::size_t width(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

}  // namespace plugin::ctl
