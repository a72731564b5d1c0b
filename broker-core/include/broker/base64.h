// Base64 (RFC 4648): the standard alphabet for passwords, the URL-safe one for client ids.
// Owner: pure functions. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// RFC 4648, section 4, with padding.
[[nodiscard]] std::string base64_encode(std::string_view octets);

/// RFC 4648, section 5, without padding.
[[nodiscard]] std::string base64url_encode(std::string_view octets);

/// The inverse of base64url_encode and nothing more: no padding, no blanks, and the bits that a
/// last character does not need are zero (RFC 4648, section 3.5), so that no two texts mean the
/// same.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace broker
