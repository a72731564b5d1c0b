#include "http/framing.h"

#include <algorithm>
#include <string_view>

namespace plugin::http {

namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A character of a token (RFC 9110, section 5.6.2).
constexpr bool is_of_token(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> framing_problem(const Request& request) {
  std::size_t lengths = 0;
  for (const auto& [name, value] : request.headers) {
    // A blank before the colon is one of these (RFC 9112, section 5.1): the name is another then.
    if (name.empty() || !std::ranges::all_of(name, is_of_token))
      return "the name of a header has a character that none may have, such as a blank before the "
             "colon";
    const bool is_length = equal_without_case(name, "Content-Length");
    if (is_length && ++lengths > 1) return "the request has more than one Content-Length";
    if (is_length && (value.empty() || !std::ranges::all_of(value, is_digit)))
      return "Content-Length is not a number of digits alone";
    // evhttp would take its body for the next request.
    if (request.method == "TRACE" && (is_length || equal_without_case(name, "Transfer-Encoding")))
      return "TRACE has no body";
  }
  return std::nullopt;
}

}  // namespace plugin::http
