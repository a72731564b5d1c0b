#include "api/routes.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "api/admin.h"
#include "api/health.h"
#include "api/issue.h"
#include "api/problems.h"
#include "api/rethink.h"
#include "api/visit.h"
#include "openapi_content.h"  // made by the build
#include "web/web_files.h"

namespace plugin {

namespace {

using http::Request;
using http::Response;
using Function = Response (*)(ApiContext&, const Request&);

/// What is the same for everybody costs as much as any answer: who asks too often gets the problem instead.
http::Handler limited(ApiContext& context, http::Handler serve) {
  return [&context, serve = std::move(serve)](const Request& request) {
    Visit visit(context, request);
    try {
      visit.draw_address();
    } catch (Refusal& flood) {
      visit.add_cors(flood.response);
      add_common_headers(flood.response);
      return std::move(flood.response);
    }
    return serve(request);
  };
}

/// As the other files that do not change while the process runs.
Response fixed(std::string_view path, std::string_view content_type, std::string_view content,
               const Request& request) {
  return web::web_file_response({path, content_type, content, false}, request);
}

void add_public(http::Router& router, ApiContext& context) {
  struct Route {
    std::string_view path;
    Function function;
  };
  static constexpr std::array<Route, 4> routes{{{"/v1/getTurnAddr", get_turn_addr},
                                                {"/v1/getTurnCredentials", get_turn_credentials},
                                                {"/v1/iceServers", get_ice_servers},
                                                {"/", get_turn_rest}}};
  for (const auto& [path, function] : routes)
    for (const std::string_view method : {"GET", "POST"})
      router.add(method, path, [&context, function = function](const Request& request) {
        return function(context, request);
      });
  for (const std::string_view path :
       {"/v1/getTurnAddr", "/v1/getTurnCredentials", "/v1/iceServers", "/v1/events"})
    router.add("OPTIONS", path,
               [&context](const Request& request) { return answer_preflight(context, request); });
}

void add_rethink(http::Router& router, ApiContext& context) {
  const auto add = [&](std::string_view method, std::string_view path, Function function) {
    router.add(method, path,
               [&context, function](const Request& request) { return function(context, request); });
  };
  add("GET", "/getAppropriateTurn", get_appropriate_turn);
  add("GET", "/getCredentials", get_credentials);
  add("GET", "/getAllCspInfo", get_all_csp_info);
  add("GET", "/getCspConso", get_csp_conso);
  for (const std::string_view path : {"/changeQuotas", "/provRequest", "/deleteCSP"})
    for (const std::string_view method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
      add(method, path, configured_in_the_file);
}

void add_admin(http::Router& router, ApiContext& context, const std::shared_ptr<ThreadLoop>& loop) {
  for (const AdminRoute& route : admin_route_list())
    router.add_deferred(
        route.handler.method, route.handler.path,
        [&context, loop, &route](const Request& request, const http::Answer& answer) {
          answer_admin(context, loop, route, request, answer);
        });
}

void add_fixed(http::Router& router, ApiContext& context) {
  router.add("GET", "/healthz", [&context](const Request&) { return get_healthz(context.board); });
  router.add("GET", "/readyz", [&context](const Request&) { return get_readyz(context.board); });
  const auto add = [&](std::string_view path, http::Handler serve) {
    router.add("GET", path, limited(context, std::move(serve)));
  };
  add("/openapi.json", [](const Request& request) {
    return fixed("/openapi.json", "application/json", web::content_openapi_json, request);
  });
  for (const ProblemKind& kind : problem_kinds()) {
    const std::string page = problem_page(kind.name)->body;
    add("/problems/" + std::string(kind.name), [page](const Request& request) {
      return fixed("", "text/plain; charset=utf-8", page, request);
    });
  }
  for (const web::WebFile& file : web::web_files())
    add(file.path, [&context, &file](const Request& request) {
      if (file.example && !context.board.get()->config->http.example)
        return problem(ProblemType::not_found,
                       "the example page is served with example = true in [broker.http]");
      return web::web_file_response(file, request);
    });
}

}  // namespace

void add_api_routes(http::Router& router, ApiContext& context,
                    const std::shared_ptr<ThreadLoop>& loop) {
  router.set_problem_maker(problem_of_status);
  add_public(router, context);
  add_rethink(router, context);
  add_admin(router, context, loop);
  add_fixed(router, context);
}

}  // namespace plugin
