// One reply of a Redis server (RESP2), as a value.
// Owner: value type. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plugin::redis {

struct Reply {
  enum class Kind : std::uint8_t { nil, integer, text, status, error, array };

  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;          ///< of a text, a status ("OK") and an error ("ERR unknown command")
  std::vector<Reply> items;  ///< of an array

  [[nodiscard]] bool is_nil() const { return kind == Kind::nil; }
  [[nodiscard]] bool is_integer() const { return kind == Kind::integer; }
  [[nodiscard]] bool is_text() const { return kind == Kind::text; }
  [[nodiscard]] bool is_status(std::string_view word) const {
    return kind == Kind::status && text == word;
  }
  [[nodiscard]] bool is_error() const { return kind == Kind::error; }
  [[nodiscard]] bool is_array() const { return kind == Kind::array; }
  /// An array of at least `count` items.
  [[nodiscard]] bool has_items(std::size_t count) const {
    return kind == Kind::array && items.size() >= count;
  }

  friend bool operator==(const Reply&, const Reply&) = default;
};

}  // namespace plugin::redis
