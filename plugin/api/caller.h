// Who sends a request, as far as the request itself and the proxies before it say.
// Owner: pure functions over values. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"
#include "http/message.h"

namespace plugin {

struct Caller {
  /// What its requests are limited by: an IPv4 address, or the first 64 bits of an IPv6 address, as
  /// "2001:db8::/64". Of the client itself, also behind a trusted proxy.
  std::string address;
  std::optional<std::string> bearer;  ///< of "Authorization: Bearer ..."; a secret
  std::optional<std::string> origin;  ///< the header Origin
  /// The origin that may stand for Origin in a page's GET to its own server, which has none
  /// (Sec-Fetch-Site: same-origin).
  std::optional<std::string> own_origin;
};

[[nodiscard]] Caller caller_of(const http::Request& request, const broker::HttpConfig& config);

/// Whether `given` is one of the secrets. Compares with all of them, each in constant time.
[[nodiscard]] bool fits_any(const std::vector<broker::Secret>& secrets, std::string_view given);

/// Whether the CSP allows the origin.
[[nodiscard]] bool allows(const broker::Csp& csp, std::string_view origin);

}  // namespace plugin
