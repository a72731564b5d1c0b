// A TOML document as a plain tree that knows its lines. The only place that knows the parser.
// Owner: regular value types. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/result.h"
#include "broker/secret.h"

namespace broker {

struct TomlEntry;

struct TomlNode {
  enum class Kind : std::uint8_t { string, integer, real, boolean, time, array, table };
  Kind kind = Kind::table;
  std::uint32_t line = 1;
  Secret text;  ///< of a string: it may be a secret, so every one is wiped when it goes
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::vector<TomlNode> items;     ///< of an array
  std::vector<TomlEntry> entries;  ///< of a table, by key
};

struct TomlEntry {
  std::string key;
  std::uint32_t line = 1;  ///< of the key
  TomlNode value;
};

/// Tables and arrays within each other at most; the parser recurses over them.
inline constexpr int toml_nested_max = 16;
/// Dots between the keys on one line at most: each of them is a table within a table.
inline constexpr int toml_dots_per_line_max = 16;

/// The root table. The error is "FILE:LINE: what is wrong", without any value that stands in the
/// text.
[[nodiscard]] Result<TomlNode> parse_toml(const std::string& file, std::string_view text);

}  // namespace broker
