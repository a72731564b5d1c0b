// Message authentication codes, as OpenSSL computes them.
// Owner: pure functions. Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// HMAC (RFC 2104) over SHA-1 or SHA-256. Nothing when OpenSSL cannot compute it (no memory, or a
/// policy that forbids the digest): then nothing can be signed or verified.
[[nodiscard]] std::optional<std::array<char, 20>> hmac_sha1(std::string_view key,
                                                            std::string_view message);
[[nodiscard]] std::optional<std::array<char, 32>> hmac_sha256(std::string_view key,
                                                              std::string_view message);

inline constexpr std::size_t short_mac_octets = 16;

/// The first 128 bits of HMAC-SHA256 over `context` and `text`; a context of its own keeps each use of
/// a key apart from the others. Nothing as above.
[[nodiscard]] std::optional<std::string> short_mac(std::string_view key, std::string_view context,
                                                   std::string_view text);

}  // namespace broker
