#include <openssl/crypto.h>

#include <algorithm>

#include "support/stun.h"
#include "support/stun_wire.h"

namespace turntest {
namespace {

/// Calls visit(type, value, offset) for each attribute until it returns true. The message is known
/// to be well-formed.
template <typename Visit>
void for_each_attribute(ByteView octets, Visit visit) {
  for (std::size_t at = stun_header_octets; at + 4 <= octets.size();) {
    const std::size_t size = load_u16(octets, at + 2);
    if (visit(load_u16(octets, at), octets.subspan(at + 4, size), at)) return;
    at += 4 + padded(size);
  }
}

bool counts_after_integrity(std::uint16_t type) {
  return type == attribute::message_integrity_sha256 || type == attribute::fingerprint;
}

}  // namespace

std::optional<StunMessage> StunMessage::parse(ByteView octets) {
  if (octets.size() < stun_header_octets || octets.size() % 4 != 0) return std::nullopt;
  if ((octets[0] & 0xC0) != 0 || load_u32(octets, 4) != stun_magic_cookie) return std::nullopt;
  if (load_u16(octets, 2) != octets.size() - stun_header_octets) return std::nullopt;
  for (std::size_t at = stun_header_octets; at < octets.size();) {
    // The size is a multiple of four, so an attribute's header always fits.
    const std::size_t size = padded(load_u16(octets, at + 2));
    if (size > octets.size() - at - 4) return std::nullopt;
    at += 4 + size;
  }
  StunMessage message;
  message.octets_ = octets;
  const std::uint32_t type = load_u16(octets, 0);
  message.method_ =
      static_cast<StunMethod>((type & 0x000F) | ((type & 0x00E0) >> 1) | ((type & 0x3E00) >> 2));
  message.class_ = static_cast<StunClass>(((type & 0x0010) >> 4) | ((type & 0x0100) >> 7));
  std::copy_n(octets.begin() + 8, message.id_.size(), message.id_.begin());
  return message;
}

std::optional<ByteView> StunMessage::find(std::uint16_t type, std::size_t index) const {
  std::optional<ByteView> found;
  bool after_integrity = false;
  for_each_attribute(octets_, [&](std::uint16_t at_type, ByteView value, std::size_t) {
    if (at_type == type && (!after_integrity || counts_after_integrity(type)) && index-- == 0) {
      found = value;
      return true;
    }
    after_integrity = after_integrity || at_type == attribute::message_integrity;
    return false;
  });
  return found;
}

std::optional<std::string> StunMessage::text(std::uint16_t type) const {
  const auto value = find(type);
  if (!value) return std::nullopt;
  return std::string(text_of(*value));
}

std::optional<std::uint32_t> StunMessage::u32(std::uint16_t type) const {
  const auto value = find(type);
  if (!value || value->size() != 4) return std::nullopt;
  return load_u32(*value, 0);
}

std::optional<Address> StunMessage::xor_address(std::uint16_t type, std::size_t index) const {
  const auto value = find(type, index);
  if (!value || value->size() < 8) return std::nullopt;
  Address address;
  const std::uint8_t family = (*value)[1];
  if (family == 1 && value->size() == 8)
    address.family = 4;
  else if (family == 2 && value->size() == 20)
    address.family = 6;
  else
    return std::nullopt;
  address.port = static_cast<std::uint16_t>(load_u16(*value, 2) ^ (stun_magic_cookie >> 16));
  for (std::size_t i = 0; i < address.address_octets(); ++i)
    address.octets[i] = (*value)[4 + i] ^ octets_[4 + i];
  return address;
}

std::optional<StunError> StunMessage::error() const {
  const auto value = find(attribute::error_code);
  if (!value || value->size() < 4) return std::nullopt;
  return StunError{((*value)[2] & 7) * 100 + (*value)[3], std::string(text_of(value->subspan(4)))};
}

bool StunMessage::has_integrity() const { return find(attribute::message_integrity).has_value(); }

bool StunMessage::integrity_is_valid(ByteView key) const {
  bool valid = false;
  for_each_attribute(octets_, [&](std::uint16_t type, ByteView value, std::size_t at) {
    if (type != attribute::message_integrity) return false;
    valid = value.size() == 20 &&
            CRYPTO_memcmp(stun_integrity(octets_.first(at), key).data(), value.data(), 20) == 0;
    return true;
  });
  return valid;
}

bool StunMessage::fingerprint_is_valid() const {
  bool valid = false;
  for_each_attribute(octets_, [&](std::uint16_t type, ByteView value, std::size_t at) {
    if (type != attribute::fingerprint) return false;
    valid = value.size() == 4 && at + 8 == octets_.size() &&
            load_u32(value, 0) == stun_fingerprint(octets_.first(at));
    return true;
  });
  return valid;
}

}  // namespace turntest
