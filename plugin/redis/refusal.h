// What the error replies of Redis mean to a client.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "redis/endpoint.h"

namespace plugin::redis {

enum class Refusal : std::uint8_t {
  other,         ///< an answer like any other
  no_script,     ///< EVALSHA of a script that the server does not know
  moved,         ///< the slot is another server's
  ask,           ///< this once another server is to be asked
  later,         ///< TRYAGAIN, CLUSTERDOWN: not executed; the same server later, or another
  wrong_server,  ///< LOADING, READONLY, MASTERDOWN: not executed; this one cannot, for now
  unwilling,  ///< OOM, NOAUTH, NOPERM, MISCONF, NOREPLICAS, BUSY: not executed; an operator's matter
};

/// Of the text of an error reply. Errors out of a script are recognised as well.
[[nodiscard]] Refusal refusal_of(std::string_view text);

struct Redirection {
  std::uint16_t slot = 0;
  Endpoint to;
};
/// "MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381"; nullopt when it is malformed.
[[nodiscard]] std::optional<Redirection> parse_redirection(std::string_view text,
                                                           const std::string& fallback_host);

/// A text from a server in one line of a message: printable ASCII, at most 256 octets.
[[nodiscard]] std::string one_line(std::string_view text);

/// The first word of an error if it is one of Redis's codes, such as "WRONGPASS"; else "ERR". What a
/// refused AUTH says may quote the password.
[[nodiscard]] std::string error_code(std::string_view text);

}  // namespace plugin::redis
