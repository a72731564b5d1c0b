// Any octets as a request: "METHOD TARGET", a line with the Content-Type, then the body. The router
// answers it with a whole document, and the same one every time; parameters that are taken are what
// was asked for.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/parameters.h"
#include "http/query.h"
#include "http/router.h"

namespace {

using plugin::http::Json;
using plugin::http::NamedValues;
using plugin::http::Request;
using plugin::http::Response;

constexpr std::array<std::string_view, 4> known{"cspID", "mediaType", "clientName", "ttl"};

void require(bool holds) {
  if (!holds) std::abort();
}

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t size = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

Request request_of(std::string_view text) {
  std::string_view line = take_until(text, '\n');
  Request out;
  out.method = take_until(line, ' ');
  out.path = take_until(line, '?');
  out.query = line;
  out.headers.emplace_back("Content-Type", take_until(text, '\n'));
  out.body = text;
  return out;
}

std::string encoded(std::string_view text) {
  constexpr std::string_view digits{"0123456789ABCDEF"};
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    out.append({'%', digits[octet / 16], digits[octet % 16]});
  }
  return out;
}

// What was understood, written anew, is understood the same.
void check_parameters(const NamedValues& values) {
  require(values.size() <= known.size());
  std::string again;
  for (const auto& [name, value] : values) {
    require(std::ranges::count(known, name) == 1);
    again.append(again.empty() ? "" : "&").append(encoded(name)).append("=").append(encoded(value));
  }
  const auto parsed = plugin::http::parse_query(again, known);
  require(parsed.ok() && parsed.value() == values);
}

Response answer(const Request& request) {
  const auto values = plugin::read_parameters(request, known);
  if (!values) return plugin::http::problem(400, values.error().message);
  check_parameters(values.value());
  Json document = Json::object();
  for (const auto& [name, value] : values.value()) document[name] = value;
  return plugin::http::json_response(document);
}

plugin::http::Router routes() {
  plugin::http::Router router;
  router.add("GET", "/v1/iceServers", answer);
  router.add("POST", "/v1/iceServers", answer);
  router.add("OPTIONS", "/v1/iceServers",
             [](const Request&) { return Response{.status = 204, .headers = {}, .body = {}}; });
  router.add_deferred(
      "POST", "/v1/admin/cut",
      [](const Request& request, const plugin::http::Answer& later) { later(answer(request)); });
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const plugin::http::Router router = routes();
  const Request request = request_of(std::string_view(reinterpret_cast<const char*>(data), size));
  const Response response = router.route(request);
  const bool is_known = response.status == 200 || response.status == 204 ||
                        response.status == 400 || response.status == 404 ||
                        response.status == 405 || response.status == 500;
  require(is_known);
  // 500 is for a handler that answers later, which this path of the router cannot wait for.
  require(response.status != 500 || request.path == "/v1/admin/cut");
  require(response.status == 204 || Json::accept(response.body));
  for (const auto& [name, value] : response.headers)
    require(value.find_first_of("\r\n") == std::string::npos);
  require(router.route(request).body == response.body);
  return 0;
}
