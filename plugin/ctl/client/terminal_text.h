// Text from elsewhere made fit for a terminal: it cannot move the cursor, change colours or turn
// the direction of writing.
// Owner: pure functions. Threads: any.
#pragma once

#include <string>
#include <string_view>

namespace plugin::ctl {

/// Control characters, line and paragraph separators, direction marks and octets that are not UTF-8
/// become \xNN or \u{NNNN}.
[[nodiscard]] std::string terminal_text(std::string_view text);

/// Code points of valid UTF-8: how many columns it takes, wide characters apart.
[[nodiscard]] std::size_t width(std::string_view utf8);

}  // namespace plugin::ctl
