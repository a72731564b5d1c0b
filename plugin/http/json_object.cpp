#include "http/json_object.h"

#include <set>
#include <string>

namespace plugin::http {

broker::Result<Json> parse_flat_object(std::string_view body) {
  using Event = Json::parse_event_t;
  std::set<std::string, std::less<>> names;
  std::string twice;
  std::string name;
  std::string nested;
  // Flat by definition; a parser that recursed would be one more thing to bound.
  const auto see = [&](int depth, Event event, Json& value) {
    if (depth == 1 && event == Event::key) {
      name = value.get<std::string>();
      if (!names.insert(name).second && twice.empty()) twice = name;
    }
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (depth == 0 || !opens) return true;
    if (depth == 1 && nested.empty()) nested = '"' + name + '"';
    return false;
  };
  Json value = Json::parse(body, see, false);
  if (value.is_discarded()) return broker::Error{"the body is not valid JSON in UTF-8"};
  if (!value.is_object()) return broker::Error{"the body must be a JSON object"};
  if (!twice.empty()) return broker::Error{"the body has the member \"" + twice + "\" twice"};
  if (!nested.empty()) return broker::Error{nested + " must be a plain value"};
  return value;
}

}  // namespace plugin::http
