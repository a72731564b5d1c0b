#include "broker/hex.h"

namespace broker {

std::string hex_encode(std::string_view octets) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * octets.size());
  for (const char octet : octets) {
    const auto value = static_cast<unsigned char>(octet);
    text += digits[value >> 4U];
    text += digits[value & 15U];
  }
  return text;
}

}  // namespace broker
