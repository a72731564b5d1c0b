#include "api/admin.h"

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "api/problems.h"
#include "api/visit.h"
#include "ctl/handlers.h"

namespace plugin {

namespace {

using http::Request;
using http::Response;

/// The control socket's problems are of no type; here each has one.
Response with_type(const AdminRoute& route, Response response) {
  if (response.status < 400) return response;
  const std::string detail = http::Json::parse(response.body).at("detail");
  return response.status == 404 ? problem(route.missing, detail)
                                : problem_of_status(response.status, detail);
}

Response answer_of(const AdminRoute& route, Control& control, const Request& request) {
  try {
    return with_type(route, route.handler(control, request));
  } catch (const std::exception&) {
    // What it says may hold a secret.
    return problem(ProblemType::internal, "the broker could not answer because of an error in it");
  }
}

/// Why the caller may not ask; nothing when it may.
std::optional<Response> refusal(ApiContext& context, const Request& request) {
  Visit visit(context, request);
  try {
    if (!visit.has_bearer()) visit.draw_address();
    visit.admit_admin();
    return std::nullopt;
  } catch (Refusal& refused) {
    if (!visit.has_bearer()) return std::move(refused.response);
    return visit.flood_or(std::move(refused.response));
  }
}

}  // namespace

const std::vector<AdminRoute>& admin_route_list() {
  static const std::vector<AdminRoute> list{
      {"GET", "/v1/admin/usage", get_usage, ProblemType::unknown_csp},
      {"GET", "/v1/admin/allocations", get_allocations},
      {"POST", "/v1/admin/cut", post_cut},
      {"POST", "/v1/admin/credentials", post_credentials},
      {"POST", "/v1/admin/revoke", post_revoke},
      {"POST", "/v1/admin/reload", post_reload},
      {"POST", "/v1/admin/drain", post_drain},
      {"GET", "/v1/admin/status", get_status},
  };
  return list;
}

void answer_admin(ApiContext& context, const std::shared_ptr<ThreadLoop>& loop,
                  const AdminRoute& route, const Request& request, const http::Answer& answer) {
  const auto finish = [](const http::Answer& to, Response response) {
    add_common_headers(response);
    to(std::move(response));
  };
  if (auto refused = refusal(context, request)) return finish(answer, std::move(*refused));
  const bool taken = context.desk.post([loop, route, request, answer, finish](Control& control) {
    auto response = std::make_shared<Response>(answer_of(route, control, request));
    // When the loop has ended, so has the connection.
    [[maybe_unused]] const bool posted =
        loop->post([response, answer, finish] { finish(answer, std::move(*response)); });
  });
  if (!taken)
    finish(answer, problem_for_now(ProblemType::overloaded, "the broker has too much to do", 1));
}

}  // namespace plugin
