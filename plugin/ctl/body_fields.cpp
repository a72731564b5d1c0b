#include "ctl/body_fields.h"

#include "http/json_object.h"

namespace plugin {

broker::Result<BodyFields> BodyFields::parse(const http::Request& request) {
  if (!request.query.empty()) return broker::Error{"the members go into the body, not the query"};
  const std::string* type = request.header("Content-Type");
  if (type == nullptr || !http::has_media_type(*type, "application/json"))
    return broker::Error{"the Content-Type must be application/json"};
  auto object = http::parse_flat_object(request.body);
  if (!object) return object.error();
  return BodyFields(std::move(object).value());
}

std::optional<http::Json> BodyFields::take(std::string_view name) {
  const auto member = left_.find(name);
  if (member == left_.end()) return std::nullopt;
  http::Json value = std::move(*member);
  left_.erase(member);
  return value;
}

void BodyFields::fail(std::string_view name, std::string_view what) {
  if (error_.empty()) error_.append("\"").append(name).append("\" ").append(what);
}

std::string BodyFields::text(std::string_view name) {
  const auto value = take(name);
  if (!value) return {};
  if (value->is_string() && !value->get_ref<const std::string&>().empty())
    return value->get<std::string>();
  fail(name, "must be a string that is not empty");
  return {};
}

std::string BodyFields::required_text(std::string_view name) {
  if (!left_.contains(name)) fail(name, "is missing");
  return text(name);
}

std::optional<std::int64_t> BodyFields::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) {
  const auto value = take(name);
  if (!value) return std::nullopt;
  // A number above INT64_MAX is unsigned to the parser and would come out negative.
  if (value->is_number_integer() &&
      !(value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX})) {
    const auto number = value->get<std::int64_t>();
    if (number >= least && number <= most) return number;
  }
  fail(name,
       "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<bool> BodyFields::boolean(std::string_view name) {
  const auto value = take(name);
  if (!value) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  fail(name, "must be true or false");
  return std::nullopt;
}

broker::Status BodyFields::finish() const {
  if (!error_.empty()) return broker::Error{error_};
  if (!left_.empty())
    return broker::Error{"\"" + left_.begin().key() + "\" is not a member this request has"};
  return broker::Nothing{};
}

}  // namespace plugin
