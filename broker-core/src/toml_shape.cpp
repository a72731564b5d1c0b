#include "toml_shape.h"

#include <algorithm>
#include <cstddef>

namespace broker {

namespace {

/// Walks over a text just as far as strings, comments and lines go. Up to the first syntax error it
/// agrees with the parser on where each of them ends; behind that the parser does not look.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] std::uint32_t line() const { return line_; }

  /// The next character outside strings and comments; '"' stands for a whole string.
  char next() {
    const char c = text_[at_];
    switch (c) {
      case '#': at_ = std::min(text_.find('\n', at_), text_.size()); return '#';
      case '"':
      case '\'': skip_string(c); return '"';
      default: break;  // any other character stands for itself
    }
    step();
    return c;
  }

 private:
  void step() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }

  [[nodiscard]] bool at_triple(char quote) const {
    return text_.substr(at_, 3) == std::string_view(quote == '"' ? "\"\"\"" : "'''");
  }

  void skip_string(char quote) {
    const bool multi_line = at_triple(quote);
    at_ += multi_line ? 3 : 1;
    while (!done()) {
      const char c = text_[at_];
      if (!multi_line && c == '\n') return;
      if (multi_line ? at_triple(quote) : c == quote) break;
      const bool escape = quote == '"' && c == '\\';
      step();
      if (escape && !done()) step();
    }
    at_ = std::min(at_ + (multi_line ? 3 : 1), text_.size());
    // Up to two quotes more belong to the string: """a""""" ends with the last of them.
    for (int i = 0; multi_line && i < 2 && !done() && text_[at_] == quote; ++i) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace

std::optional<std::uint32_t> line_with_too_many_dots(std::string_view text, int dots_max) {
  int dots = 0;
  std::uint32_t line = 1;
  for (Walk walk(text); !walk.done();) {
    if (walk.line() != line) {
      line = walk.line();
      dots = 0;
    }
    if (walk.next() == '.' && ++dots > dots_max) return line;
  }
  return std::nullopt;
}

}  // namespace broker
