// Addresses, hosts, origins and URLs as the configuration writes them.
// Owner: pure functions. Threads: any.
#pragma once

#include <string>
#include <string_view>

#include "broker/result.h"

namespace broker {

inline constexpr std::string_view listen_address_allowed =
    "an address and a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"";

/// A host name (RFC 1123) or an IPv4 address; an IPv6 address stands without its brackets elsewhere.
[[nodiscard]] bool is_host(std::string_view host);
[[nodiscard]] bool is_ipv4_address(std::string_view text);
[[nodiscard]] bool is_ipv6_address(std::string_view text);
/// Decimal digits for 1 .. 65'535, or from 0 when that is allowed.
[[nodiscard]] bool is_port(std::string_view text, bool zero = false);

// Each gives back the text in its one form, or an error that reads "\"...\"; allowed: ...".

/// ADDRESS:PORT with an IPv4 address or an IPv6 address in brackets; port 0 is allowed.
[[nodiscard]] Result<std::string> check_listen_address(std::string_view text);
/// As inet_ntop(3) writes it.
[[nodiscard]] Result<std::string> check_address(std::string_view text);
/// As a browser sends it (RFC 6454, section 6.2): scheme://host or scheme://host:port in lower
/// case, without the scheme's own port. Or "*".
[[nodiscard]] Result<std::string> check_origin(std::string_view text);
/// http: or https:, a host, and at most a port, a path and a query; no user information. The error
/// shows nothing of the text, which may hold credentials.
[[nodiscard]] Result<std::string> check_http_url(std::string_view text);

}  // namespace broker
