// A look at a TOML text before it is parsed.
// Owner: pure function. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace broker {

/// The first line with more than `dots_max` dots outside strings and comments. The parser makes a
/// nested table for each dot of a key and bounds only the nesting of values: a file that is one
/// long dotted key would exhaust the stack.
[[nodiscard]] std::optional<std::uint32_t> line_with_too_many_dots(std::string_view text,
                                                                   int dots_max);

}  // namespace broker
