#include "metrics/exposition.h"

#include <fmt/format.h>

#include <cmath>

namespace plugin {

namespace {

/// In the value of a label also the quote ends something.
void append_escaped(std::string& out, std::string_view text, bool quoted) {
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quoted)
      out += "\\\"";
    else
      out += c;
  }
}

std::string_view name_of(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::counter: return "counter";
    case Exposition::Type::gauge: return "gauge";
    case Exposition::Type::histogram: return "histogram";
  }
  return "untyped";
}

}  // namespace

void Exposition::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ");
  append_escaped(text_, help, false);
  text_.append("\n# TYPE ").append(name).append(" ").append(name_of(type)).append("\n");
}

void Exposition::begin(std::string_view suffix, Labels labels) {
  text_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [name, value] : labels) {
    text_ += before;
    text_.append(name).append("=\"");
    append_escaped(text_, value, true);
    text_ += '"';
    before = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_ += ' ';
}

void Exposition::sample(Labels labels, std::uint64_t value) { part("", labels, value); }

void Exposition::sample(Labels labels, double value) { part("", labels, value); }

void Exposition::part(std::string_view suffix, Labels labels, std::uint64_t value) {
  begin(suffix, labels);
  text_.append(fmt::format("{}\n", value));
}

void Exposition::part(std::string_view suffix, Labels labels, double value) {
  begin(suffix, labels);
  text_.append(exposition_number(value)).append("\n");
}

std::string exposition_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace plugin
