#include "api/parameters.h"

#include <algorithm>

#include "http/query.h"

namespace plugin {

namespace {

using http::NamedValues;

broker::Result<NamedValues> from_json(std::string_view body,
                                      std::span<const std::string_view> known) {
  // Flat by definition; a parser that recursed would be one more thing to bound.
  constexpr int depth_max = 1;
  const auto shallow = [](int depth, http::Json::parse_event_t event, http::Json&) {
    const bool opens = event == http::Json::parse_event_t::object_start ||
                       event == http::Json::parse_event_t::array_start;
    return !(opens && depth >= depth_max);
  };
  const http::Json value = http::Json::parse(body, shallow, false);
  if (value.is_discarded()) return broker::Error{"the body is not valid JSON in UTF-8"};
  if (!value.is_object()) return broker::Error{"the body must be a JSON object"};
  NamedValues out;
  for (const auto& [name, member] : value.items()) {
    if (std::ranges::find(known, name) == known.end())
      return broker::Error{"the body has an unknown member \"" + name + '"'};
    if (member.is_string())
      out.emplace_back(name, member.get<std::string>());
    else if (member.is_number_integer())
      out.emplace_back(name, member.dump());
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
