#include "support/credentials.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdexcept>

#include "support/bytes.h"

namespace turntest {

std::string rest_password(std::string_view secret, std::string_view username) {
  unsigned char digest[20];
  const ByteView text = bytes_of(username);
  if (HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), text.data(), text.size(),
           digest, nullptr) == nullptr)
    throw std::runtime_error("HMAC-SHA1 is not available");
  unsigned char encoded[32];
  const int size = EVP_EncodeBlock(encoded, digest, sizeof digest);
  return std::string(text_of(ByteView(encoded, static_cast<std::size_t>(size))));
}

Credentials rest_credentials(std::string_view secret, std::string_view name,
                             std::chrono::seconds ttl) {
  // Credentials are the one thing that the wall clock is for.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto expiry = std::chrono::duration_cast<std::chrono::seconds>(now + ttl).count();
  std::string username = std::to_string(expiry) + ":" + std::string(name);
  std::string password = rest_password(secret, username);
  return {std::move(username), std::move(password)};
}

}  // namespace turntest
