#include "support/stun_wire.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

#include "support/stun.h"

namespace turntest {
namespace {

constexpr std::array<std::uint32_t, 256> crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
    table[i] = value;
  }
  return table;
}();

/// A copy of `before` whose length field covers one more attribute of `value_octets`.
Bytes with_length_up_to(ByteView before, std::size_t value_octets) {
  Bytes copy(before.begin(), before.end());
  store_u16(copy.data() + 2,
            static_cast<std::uint32_t>(before.size() - stun_header_octets + 4 + value_octets));
  return copy;
}

}  // namespace

std::array<std::uint8_t, 20> stun_integrity(ByteView before, ByteView key) {
  const Bytes text = with_length_up_to(before, 20);
  std::array<std::uint8_t, 20> digest{};
  if (HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), text.data(), text.size(),
           digest.data(), nullptr) == nullptr)
    throw std::runtime_error("HMAC-SHA1 is not available");
  return digest;
}

std::uint32_t stun_fingerprint(ByteView before) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const std::uint8_t octet : with_length_up_to(before, 4))
    crc = (crc >> 8) ^ crc32_table[(crc ^ octet) & 0xFF];
  return ~crc ^ 0x5354554E;
}

TransactionId new_transaction_id() {
  TransactionId id{};
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1)
    throw std::runtime_error("no random numbers from OpenSSL");
  return id;
}

Bytes long_term_key(std::string_view username, std::string_view realm, std::string_view password) {
  std::string text;
  text.append(username).append(":").append(realm).append(":").append(password);
  Bytes key(16);
  if (EVP_Digest(text.data(), text.size(), key.data(), nullptr, EVP_md5(), nullptr) != 1)
    throw std::runtime_error("MD5 is not available");
  return key;
}

}  // namespace turntest
