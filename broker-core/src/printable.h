// Text of unknown origin made fit for one line of a message.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace broker {

/// The text with control characters and octets that are not UTF-8 escaped; cut with "..." when that
/// exceeds `length_max`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t length_max = 80);

/// The same between double quotes, with quotes and backslashes escaped too.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t length_max = 80);

/// True when there is a control character (C0, DEL or C1) or something that is not UTF-8 in it.
[[nodiscard]] bool has_unprintable(std::string_view text);

}  // namespace broker
