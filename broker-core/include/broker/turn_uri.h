// TURN URIs (RFC 7065).
// Owner: pure functions. Threads: any.
#pragma once

#include <string_view>

#include "broker/result.h"

namespace broker {

/// turn:HOST[:PORT][?transport=udp|tcp] or turns:…; HOST is a host name (RFC 1123), an IPv4 address
/// or a bracketed IPv6 address. Narrower than RFC 7065, section 3.1, where that has forms no relay
/// of ours serves: other transports, percent-encoded names, an empty port. The error reads
/// "\"...\" is ...; allowed: ...".
[[nodiscard]] Status check_turn_uri(std::string_view uri);

}  // namespace broker
