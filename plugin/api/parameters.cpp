#include "api/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/json_object.h"
#include "http/query.h"

namespace plugin {

namespace {

using http::NamedValues;

/// Those that may have a fraction; of all others it would be lost in one reading or another.
constexpr std::array<std::string_view, 2> numbers{"latitude", "longitude"};

/// Without an exponent, as a query would have it.
std::string plain_text(double value) {
  std::array<char, 400> out{};
  const auto end =
      std::to_chars(out.data(), out.data() + out.size(), value, std::chars_format::fixed).ptr;
  return {out.data(), end};
}

broker::Result<NamedValues> from_json(std::string_view body,
                                      std::span<const std::string_view> known) {
  const auto value = http::parse_flat_object(body);
  if (!value) return value.error();
  NamedValues out;
  for (const auto& [name, member] : value.value().items()) {
    if (std::ranges::find(known, name) == known.end())
      return broker::Error{"the body has an unknown member \"" + name + '"'};
    if (member.is_string())
      out.emplace_back(name, member.get<std::string>());
    else if (member.is_number_integer())
      out.emplace_back(name, member.dump());
    else if (member.is_number() && std::ranges::find(numbers, name) != numbers.end())
      out.emplace_back(name, plain_text(member.get<double>()));
    else
      return broker::Error{'"' + name + "\" must be a string"};
  }
  return out;
}

broker::Result<NamedValues> from_body(const http::Request& request,
                                      std::span<const std::string_view> known) {
  if (request.body.empty()) return NamedValues{};
  const std::string* type = request.header("Content-Type");
  if (type != nullptr && http::has_media_type(*type, "application/json"))
    return from_json(request.body, known);
  if (type != nullptr && http::has_media_type(*type, "application/x-www-form-urlencoded"))
    return http::parse_query(request.body, known);
  return broker::Error{
      "the body's Content-Type must be application/json or application/x-www-form-urlencoded"};
}

}  // namespace

broker::Result<NamedValues> read_parameters(const http::Request& request,
                                            std::span<const std::string_view> known) {
  auto query = http::parse_query(request.query, known);
  if (!query) return query;
  auto body = from_body(request, known);
  if (!body) return body;
  for (auto& [name, value] : body.value()) {
    if (http::parameter(query.value(), name))
      return broker::Error{"the parameter \"" + name + "\" is given twice"};
    query.value().emplace_back(std::move(name), std::move(value));
  }
  return query;
}

}  // namespace plugin
