#include "redis/slot.h"

namespace plugin::redis {

std::uint16_t crc16(std::string_view octets) {
  constexpr unsigned polynomial = 0x1021;
  unsigned crc = 0;
  for (const char c : octets) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit)
      crc = ((crc & 0x8000U) != 0 ? (crc << 1) ^ polynomial : crc << 1) & 0xffffU;
  }
  return static_cast<std::uint16_t>(crc);
}

std::uint16_t slot_of(std::string_view key) {
  if (const std::size_t open = key.find('{'); open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1)
      key = key.substr(open + 1, close - open - 1);
  }
  return static_cast<std::uint16_t>(crc16(key) % slots);
}

}  // namespace plugin::redis
