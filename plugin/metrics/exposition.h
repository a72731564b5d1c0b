// Writes metrics in Prometheus' text format, version 0.0.4.
// Owner: value. Threads: one at a time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace plugin {

inline constexpr std::string_view exposition_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

class Exposition {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;
  enum class Type : std::uint8_t { counter, gauge, histogram };

  /// The samples that follow are of this family, until the next one. Each name once: what it is of stands
  /// before its samples, and they stand together. `name` and the names of labels are
  /// [a-z][a-z0-9_]*; `help` and the values of labels any UTF-8.
  void family(std::string_view name, Type type, std::string_view help);

  void sample(Labels labels, std::uint64_t value);
  void sample(Labels labels, double value);
  void sample(Labels labels, bool value) { sample(labels, std::uint64_t{value ? 1U : 0U}); }
  /// Of a histogram: the series with this suffix, "_bucket", "_sum" or "_count".
  void part(std::string_view suffix, Labels labels, std::uint64_t value);
  void part(std::string_view suffix, Labels labels, double value);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void begin(std::string_view suffix, Labels labels);

  std::string text_;
  std::string name_;
};

/// A number as the format writes it: 1.5, +Inf, NaN.
[[nodiscard]] std::string exposition_number(double value);

}  // namespace plugin
