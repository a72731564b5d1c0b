// What names may be made of, and how foreign text is shown.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/result.h"

namespace broker {

/// 1 .. client_name_octets_max octets of valid UTF-8 (RFC 3629) without control characters, blanks,
/// quotes or backslashes, and not holding both "union" and "select": coturn answers 400 to a
/// USERNAME with any of these (its is_secure_string). Unicode's blanks and line separators are
/// refused too, as a client may map them to a space when it prepares the name (RFC 8265,
/// section 4.2).
[[nodiscard]] Status check_client_name(std::string_view name);

/// [a-z0-9][a-z0-9_.-]{0,62}
[[nodiscard]] bool is_csp_id(std::string_view id);

/// [A-Za-z0-9][A-Za-z0-9_.-]{0,62}
[[nodiscard]] bool is_relay_id(std::string_view id);

/// The text with control characters, quotes, backslashes and what is not valid UTF-8 escaped (\n,
/// \", \xNN); longer than `octets_max` octets it is cut and ends in "...": fit for a log line.
[[nodiscard]] std::string for_log(std::string_view text, std::size_t octets_max = 96);

}  // namespace broker
