#include "broker/mac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <climits>

namespace broker {

namespace {

template <std::size_t size>
std::optional<std::array<char, size>> hmac(const EVP_MD* digest, std::string_view key,
                                           std::string_view message) {
  if (key.size() > INT_MAX) return std::nullopt;
  // OpenSSL takes a null key for "the key of the last call".
  static constexpr char no_octets[1] = {};
  std::array<unsigned char, size> mac{};
  unsigned mac_size = 0;
  const unsigned char* done =
      HMAC(digest, key.empty() ? no_octets : key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.empty() ? no_octets : message.data()),
           message.size(), mac.data(), &mac_size);
  if (done == nullptr || mac_size != size) return std::nullopt;
  std::array<char, size> result{};
  for (std::size_t i = 0; i < size; ++i) result[i] = static_cast<char>(mac[i]);
  return result;
}

}  // namespace

std::optional<std::array<char, 20>> hmac_sha1(std::string_view key, std::string_view message) {
  return hmac<20>(EVP_sha1(), key, message);
}

std::optional<std::array<char, 32>> hmac_sha256(std::string_view key, std::string_view message) {
  return hmac<32>(EVP_sha256(), key, message);
}

}  // namespace broker
