#include "broker/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace broker {

namespace {

constexpr std::string_view standard_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::uint8_t not_in_alphabet = 64;

constexpr std::array<std::uint8_t, 256> invert(std::string_view alphabet) {
  std::array<std::uint8_t, 256> values{};
  values.fill(not_in_alphabet);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}

constexpr std::array<std::uint8_t, 256> url_values = invert(url_alphabet);

std::uint32_t octet_at(std::string_view octets, std::size_t i) {
  return i < octets.size() ? static_cast<unsigned char>(octets[i]) : 0U;
}

std::string encode(std::string_view octets, std::string_view alphabet, bool padded) {
  std::string text;
  text.reserve((octets.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const std::uint32_t group =
        octet_at(octets, i) << 16 | octet_at(octets, i + 1) << 8 | octet_at(octets, i + 2);
    const std::size_t left = octets.size() - i;
    text += alphabet[group >> 18];
    text += alphabet[group >> 12 & 63];
    if (left > 1) text += alphabet[group >> 6 & 63];
    if (left > 2) text += alphabet[group & 63];
    if (padded && left < 3) text.append(3 - left, '=');
  }
  return text;
}

}  // namespace

std::string base64_encode(std::string_view octets) {
  return encode(octets, standard_alphabet, true);
}

std::string base64url_encode(std::string_view octets) {
  return encode(octets, url_alphabet, false);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string octets;
  octets.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned bits_held = 0;
  for (const char character : text) {
    const std::uint8_t value = url_values[static_cast<unsigned char>(character)];
    if (value == not_in_alphabet) return std::nullopt;
    bits = bits << 6 | value;
    bits_held += 6;
    if (bits_held >= 8) {
      bits_held -= 8;
      octets += static_cast<char>(bits >> bits_held & 0xFF);
      bits &= (1U << bits_held) - 1;
    }
  }
  if (bits != 0) return std::nullopt;  // another text with zeros there means the same octets
  return octets;
}

}  // namespace broker
