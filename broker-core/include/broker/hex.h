// Octets as hexadecimal digits (RFC 4648, section 8), in lower case.
// Owner: pure functions. Threads: any.
#pragma once

#include <string>
#include <string_view>

namespace broker {

/// Two digits for each octet.
[[nodiscard]] std::string hex_encode(std::string_view octets);

}  // namespace broker
