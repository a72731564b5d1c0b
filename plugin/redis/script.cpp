#include "redis/script.h"

#include <openssl/evp.h>

#include <array>
#include <new>
#include <utility>

#include "broker/hex.h"

namespace plugin::redis {

namespace {

std::string sha1_of(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
    throw std::bad_alloc();
  return broker::hex_encode({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

Script::Script(std::string its_name, std::string its_text)
    : name(std::move(its_name)), text(std::move(its_text)), sha1(sha1_of(text)) {}

}  // namespace plugin::redis
