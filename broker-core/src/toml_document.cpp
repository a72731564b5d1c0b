#include "toml_document.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "printable.h"
#include "toml_shape.h"

// Exceptions off: errors come back as values. The nesting bound keeps the parser's recursion
// shallow.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 16
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace broker {

static_assert(toml_nested_max == TOML_MAX_NESTED_VALUES);

namespace {

Error at_line(const std::string& file, std::uint32_t line, const std::string& what) {
  return Error{printable(file, 512) + ':' + std::to_string(line) + ": " + what};
}

std::uint32_t line_of(const toml::source_region& source) {
  return source.begin.line == 0 ? 1 : static_cast<std::uint32_t>(source.begin.line);
}

/// True when a line of the text ends before the given column (1 is its first character).
bool ends_before(std::string_view text, const toml::source_position& position) {
  for (toml::source_index line = 1; line < position.line; ++line)
    text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  text = text.substr(0, text.find_first_of("\r\n"));
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // all but UTF-8's continuations
  });
  return position.column > characters;
}

/// What the parser says, in one line. It quotes what it met: keys and characters, but also the
/// number it could make nothing of, which may be somebody's secret and is not passed on.
std::string explain(const toml::parse_error& error, std::string_view text) {
  constexpr std::string_view prefix = "Error while parsing ";
  constexpr std::size_t message_octets_max = 300;
  std::string_view reason = error.description();
  std::string scope;
  if (reason.starts_with(prefix)) {
    const std::size_t scope_end = std::min(reason.find(": "), reason.size());
    scope = std::string(reason.substr(prefix.size(), scope_end - prefix.size()));
    reason.remove_prefix(std::min(scope_end + 2, reason.size()));
  }
  const auto has = [&](std::string_view words) { return reason.find(words) != reason.npos; };
  std::string what = printable(reason, message_octets_max);
  std::string_view allowed = "TOML 1.0, where a string stands between quotes";
  if (has("maximum nested")) {
    what = "values nested too deep";
    allowed = "at most 16 within each other";
  } else if (has("utf-8")) {
    what = "octets that are not UTF-8";
    allowed = "UTF-8";
  } else if (has("cannot redefine") || has("cannot insert")) {
    allowed = "each key and each table once";
  } else if (scope == "boolean") {
    what = "neither true nor false";
  } else if (reason.starts_with("'") || has("interpret '")) {
    what = "malformed or out of range";
  } else if (reason.starts_with("unescaped control") && ends_before(text, error.source().begin)) {
    what = "its closing quote is missing on this line";
  }
  return "not TOML, " + (scope.empty() ? "" : printable(scope) + ": ") + what +
         "; allowed: " + std::string(allowed);
}

/// Copies the parser's tree, and wipes the strings of the original.
TomlNode convert(toml::node& from) {
  TomlNode to;
  to.line = line_of(from.source());
  switch (from.type()) {
    case toml::node_type::string: {
      std::string& text = from.as_string()->get();
      to.kind = TomlNode::Kind::string;
      to.text = Secret(text);
      OPENSSL_cleanse(text.data(), text.size());
      break;
    }
    case toml::node_type::integer:
      to.kind = TomlNode::Kind::integer;
      to.integer = from.as_integer()->get();
      break;
    case toml::node_type::boolean:
      to.kind = TomlNode::Kind::boolean;
      to.boolean = from.as_boolean()->get();
      break;
    case toml::node_type::array:
      to.kind = TomlNode::Kind::array;
      for (toml::node& item : *from.as_array()) to.items.push_back(convert(item));
      break;
    case toml::node_type::table:
      to.kind = TomlNode::Kind::table;
      for (auto&& [key, value] : *from.as_table())
        to.entries.push_back({std::string(key.str()), line_of(key.source()), convert(value)});
      break;
    case toml::node_type::floating_point: to.kind = TomlNode::Kind::real; break;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
    case toml::node_type::none: to.kind = TomlNode::Kind::time; break;
  }
  return to;
}

}  // namespace

Result<TomlNode> parse_toml(const std::string& file, std::string_view text) {
  if (const auto line = line_with_too_many_dots(text, toml_dots_per_line_max))
    return at_line(file, *line,
                   "more than " + std::to_string(toml_dots_per_line_max) +
                       " dots outside strings; allowed: fewer, as no key is nested so deeply");
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return at_line(file, line_of(error.source()), explain(error, text));
  }
  return convert(parsed.table());
}

}  // namespace broker
