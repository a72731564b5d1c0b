#include "api/events_guard.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "api/events_route.h"
#include "api/problems.h"
#include "api/visit.h"

namespace plugin {

namespace {

using http::NamedValues;
using http::Request;
using http::Response;
using http::Streaming;

std::optional<std::string> csp_of_key(const Request& request, const broker::Config& config) {
  const Caller caller = caller_of(request, config.http);
  std::optional<std::string> owner;
  if (!caller.bearer) return owner;
  for (const auto& [id, csp] : config.csps)
    if (fits_any(csp.api_keys, *caller.bearer)) owner = id;
  return owner;
}

std::optional<NamedValues> cors(const Request& request, const broker::Csp& csp) {
  NamedValues headers{{"Vary", "Origin"}};
  const std::string* origin = request.header("Origin");
  if (origin == nullptr) return headers;
  if (!allows(csp, *origin)) return std::nullopt;
  headers.emplace_back("Access-Control-Allow-Origin", *origin);
  return headers;
}

EventsAccess access_of(ApiContext& context) {
  EventsAccess access;
  access.csp_of_key = csp_of_key;
  access.key_fits = [&context](const Request& request, const broker::Csp& csp) {
    const Caller caller = caller_of(request, context.board.get()->config->http);
    return !caller.bearer || fits_any(csp.api_keys, *caller.bearer);
  };
  access.cors = cors;
  access.address_of = [&context](const Request& request) {
    return caller_of(request, context.board.get()->config->http).address;
  };
  access.problem = [](int, std::string_view name, std::string_view detail) {
    return problem(problem_type_of(name), detail);
  };
  return access;
}

}  // namespace

http::StreamHandler guarded_events(ApiContext& context, EventHub& hub) {
  return [&context, route = events_route(hub, context.board, context.clock, access_of(context))](
             const Request& request) -> std::variant<Response, Streaming> {
    Visit visit(context, request);
    const auto refused = [&](Response response) {
      visit.add_cors(response);
      add_common_headers(response);
      return response;
    };
    try {
      // Whoever has a key that fits is bounded by the watchers there can be; a wrong one is a guess.
      const auto& bearer = visit.caller().bearer;
      if (!bearer || visit.owner_of(*bearer) == nullptr) visit.draw_address();
    } catch (Refusal& refusal) {
      return refused(std::move(refusal.response));
    }
    auto answer = route(request);
    auto* response = std::get_if<Response>(&answer);
    if (response == nullptr) return answer;
    return refused(std::move(*response));
  };
}

}  // namespace plugin
