#include "printable.h"

#include <cstdint>

namespace broker {

namespace {

std::uint32_t octet(char c) { return static_cast<unsigned char>(c); }

/// Octets of the UTF-8 character (RFC 3629) that the text begins with, 0 when it is none or a
/// control character.
std::size_t printable_character_octets(std::string_view text) {
  const std::uint32_t first = octet(text.front());
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  std::size_t count = 0;
  std::uint32_t code = 0;
  std::uint32_t lowest = 0;  // anything below would have a shorter form
  if ((first & 0xe0) == 0xc0) {
    count = 2;
    code = first & 0x1f;
    lowest = 0xa0;  // U+0080 .. U+009F are the C1 control characters
  } else if ((first & 0xf0) == 0xe0) {
    count = 3;
    code = first & 0x0f;
    lowest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    count = 4;
    code = first & 0x07;
    lowest = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < count) return 0;
  for (std::size_t i = 1; i < count; ++i) {
    if ((octet(text[i]) & 0xc0) != 0x80) return 0;
    code = code << 6 | (octet(text[i]) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < lowest || code > 0x10ffff || surrogate ? 0 : count;
}

std::string escaped(char c) {
  switch (c) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\\': return "\\\\";
    case '"': return "\\\"";
    default: break;  // any other octet, by its number
  }
  constexpr std::string_view hex = "0123456789abcdef";
  return {'\\', 'x', hex[octet(c) >> 4], hex[octet(c) & 15]};
}

std::string escape_all(std::string_view text, std::string_view also, std::size_t length_max) {
  std::string result;
  while (!text.empty()) {
    const std::size_t count = printable_character_octets(text);
    const bool plain = count > 0 && also.find(text.front()) == std::string_view::npos;
    const std::string piece = plain ? std::string(text.substr(0, count)) : escaped(text.front());
    if (result.size() + piece.size() > length_max) return result + "...";
    result += piece;
    text.remove_prefix(plain ? count : 1);
  }
  return result;
}

}  // namespace

std::string printable(std::string_view text, std::size_t length_max) {
  return escape_all(text, "", length_max);
}

std::string quoted(std::string_view text, std::size_t length_max) {
  return '"' + escape_all(text, "\\\"", length_max) + '"';
}

bool has_unprintable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t count = printable_character_octets(text);
    if (count == 0) return true;
    text.remove_prefix(count);
  }
  return false;
}

}  // namespace broker
