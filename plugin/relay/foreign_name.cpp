#include "relay/foreign_name.h"

#include <openssl/sha.h>

#include <array>

#include "broker/hex.h"
#include "broker/names.h"

namespace plugin {

namespace {

std::string_view without_expiry(std::string_view username) {
  const auto end = username.find_first_not_of("0123456789");
  const bool has_expiry = end != std::string_view::npos && end != 0 && username[end] == ':';
  // Without a name behind it the number is all there is to tell the user by.
  return has_expiry && end + 1 < username.size() ? username.substr(end + 1) : username;
}

std::optional<std::string> digest_of(std::string_view name) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  const auto* octets = reinterpret_cast<const unsigned char*>(name.data());
  if (::SHA256(octets, name.size(), digest.data()) == nullptr) return std::nullopt;
  return "sha256-" +
         broker::hex_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

std::optional<std::string> foreign_client_name(std::string_view username) {
  const std::string_view name = without_expiry(username);
  if (name.empty() || broker::check_client_name(name)) return std::string(name);
  return digest_of(name);
}

}  // namespace plugin
