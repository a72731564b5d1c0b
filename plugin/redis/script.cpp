#include "redis/script.h"

#include <openssl/evp.h>

#include <array>
#include <new>
#include <utility>

namespace plugin::redis {

namespace {

std::string sha1_of(const std::string& text) {
  constexpr const char* digits = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
    throw std::bad_alloc();
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += digits[digest.at(i) >> 4];
    hex += digits[digest.at(i) & 15];
  }
  return hex;
}

}  // namespace

Script::Script(std::string its_name, std::string its_text)
    : name(std::move(its_name)), text(std::move(its_text)), sha1(sha1_of(text)) {}

}  // namespace plugin::redis
