#include <algorithm>
#include <stdexcept>

#include "support/stun.h"
#include "support/stun_wire.h"

namespace turntest {
namespace {

/// RFC 8489, section 5: the class's two bits lie between those of the method.
std::uint32_t message_type(StunMethod method, StunClass message_class) {
  const auto m = static_cast<std::uint32_t>(method);
  const auto c = static_cast<std::uint32_t>(message_class);
  return (m & 0x000F) | ((m & 0x0070) << 1) | ((m & 0x0F80) << 2) | ((c & 1) << 4) | ((c & 2) << 7);
}

}  // namespace

StunBuilder::StunBuilder(StunMethod method, StunClass message_class, const TransactionId& id) {
  message_.reserve(256);
  message_.resize(stun_header_octets);
  store_u16(message_.data(), message_type(method, message_class));
  store_u32(message_.data() + 4, stun_magic_cookie);
  std::copy(id.begin(), id.end(), message_.begin() + 8);
}

void StunBuilder::set_length(std::size_t attributes_octets) {
  if (attributes_octets > 0xFFFF) throw std::length_error("a STUN message is at most 65535 octets");
  store_u16(message_.data() + 2, static_cast<std::uint32_t>(attributes_octets));
}

StunBuilder& StunBuilder::add(std::uint16_t type, ByteView value) {
  const std::size_t at = message_.size();
  set_length(at + 4 + padded(value.size()) - stun_header_octets);
  message_.resize(at + 4 + padded(value.size()));
  store_u16(&message_[at], type);
  store_u16(&message_[at + 2], static_cast<std::uint32_t>(value.size()));
  std::copy(value.begin(), value.end(), message_.begin() + static_cast<std::ptrdiff_t>(at + 4));
  return *this;
}

StunBuilder& StunBuilder::add_u32(std::uint16_t type, std::uint32_t value) {
  std::uint8_t octets[4];
  store_u32(octets, value);
  return add(type, octets);
}

StunBuilder& StunBuilder::add_xor_address(std::uint16_t type, const Address& address) {
  std::array<std::uint8_t, 20> value{};
  value[1] = address.family == 6 ? 2 : 1;
  store_u16(&value[2], address.port ^ (stun_magic_cookie >> 16));
  for (std::size_t i = 0; i < address.address_octets(); ++i)
    value[4 + i] = address.octets[i] ^ message_[4 + i];
  return add(type, ByteView(value).first(4 + address.address_octets()));
}

StunBuilder& StunBuilder::add_integrity(ByteView key) {
  return add(attribute::message_integrity, stun_integrity(message_, key));
}

StunBuilder& StunBuilder::add_fingerprint() {
  return add_u32(attribute::fingerprint, stun_fingerprint(message_));
}

}  // namespace turntest
