#include "http/query.h"

#include <algorithm>

namespace plugin::http {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      out += static_cast<char>(*high * 16 + *low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (std::string_view name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out.empty() ? "none" : out;
}

}  // namespace

broker::Result<NamedValues> parse_query(std::string_view query,
                                        std::span<const std::string_view> known,
                                        std::string_view repeatable) {
  NamedValues out;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value)
      return broker::Error{"the query has a '%' without two hex digits after it"};
    if (std::ranges::find(known, *name) == known.end())
      return broker::Error{"the query has an unknown parameter \"" + *name +
                           "\"; allowed: " + joined(known)};
    if (*name != repeatable && parameter(out, *name))
      return broker::Error{"the query has the parameter \"" + *name + "\" twice"};
    if (out.size() == query_parameters_max)
      return broker::Error{"the query has too many parameters"};
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::optional<std::string> parameter(const NamedValues& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters)
    if (key == name) return value;
  return std::nullopt;
}

}  // namespace plugin::http
