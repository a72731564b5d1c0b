#include "broker/mac.h"

#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstddef>
#include <memory>
#include <string>

namespace broker {

namespace {

struct ContextDeleter {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MAC_CTX, ContextDeleter>;

/// Looking an algorithm up by name costs OpenSSL 3 more than the MAC itself, and takes its locks;
/// so it is done once, and every MAC starts from a copy of what came of it. That is never freed,
/// since a thread may still ask for a MAC while the process exits.
Context look_up(const char* digest) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> hmac(
      EVP_MAC_fetch(nullptr, "HMAC", nullptr), &EVP_MAC_free);
  if (!hmac) return nullptr;
  Context context(EVP_MAC_CTX_new(hmac.get()));
  std::string name(digest);
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", name.data(), 0),
                                   OSSL_PARAM_construct_end()};
  if (!context || EVP_MAC_CTX_set_params(context.get(), parameters) != 1) return nullptr;
  return context;
}

const unsigned char* octets_of(std::string_view text) {
  // OpenSSL takes a null key for "the key of the last call".
  static constexpr unsigned char no_octets[1] = {};
  return text.empty() ? no_octets : reinterpret_cast<const unsigned char*>(text.data());
}

template <std::size_t size>
std::optional<std::array<char, size>> hmac(const Context& algorithm, std::string_view key,
                                           std::string_view message) {
  if (!algorithm) return std::nullopt;
  const Context context(EVP_MAC_CTX_dup(algorithm.get()));
  if (!context) return std::nullopt;
  std::array<char, size> mac{};
  std::size_t mac_size = 0;
  if (EVP_MAC_init(context.get(), octets_of(key), key.size(), nullptr) != 1 ||
      EVP_MAC_update(context.get(), octets_of(message), message.size()) != 1 ||
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(mac.data()), &mac_size, size) !=
          1 ||
      mac_size != size)
    return std::nullopt;
  return mac;
}

}  // namespace

std::optional<std::array<char, 20>> hmac_sha1(std::string_view key, std::string_view message) {
  static const Context& algorithm = *new Context(look_up("SHA1"));
  return hmac<20>(algorithm, key, message);
}

std::optional<std::array<char, 32>> hmac_sha256(std::string_view key, std::string_view message) {
  static const Context& algorithm = *new Context(look_up("SHA256"));
  return hmac<32>(algorithm, key, message);
}

std::optional<std::string> short_mac(std::string_view key, std::string_view context,
                                     std::string_view text) {
  std::string message;
  message.reserve(context.size() + text.size());
  message.append(context).append(text);
  const auto mac = hmac_sha256(key, message);
  if (!mac) return std::nullopt;
  return std::string(mac->data(), short_mac_octets);
}

}  // namespace broker
