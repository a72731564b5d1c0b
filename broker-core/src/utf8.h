// Reading UTF-8 one code point at a time.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace broker {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t octets = 0;  ///< 0: what the text begins with is not valid UTF-8 (RFC 3629)
};

/// The code point at the front of `text`, which is not empty.
[[nodiscard]] CodePoint first_code_point(std::string_view text);

/// Unicode's general category Cc, and the line and paragraph separators.
[[nodiscard]] bool is_control(std::uint32_t code_point);

/// Unicode's general category Zs.
[[nodiscard]] bool is_blank(std::uint32_t code_point);

}  // namespace broker
