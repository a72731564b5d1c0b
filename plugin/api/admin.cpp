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

/// Calls `answer` once, on the broker thread.
void answer_on_broker(const AdminRoute& route, Control& control, const Request& request,
                      const http::Answer& answer) {
  try {
    if (route.handler.at_once != nullptr)
      answer(with_type(route, route.handler.at_once(control, request)));
    else
      route.handler.later(control, request, [&route, answer](Response response) {
        answer(with_type(route, std::move(response)));
      });
  } catch (const std::exception&) {
    // What it says may hold a secret.
    answer(problem(ProblemType::internal, "the broker could not answer because of an error in it"));
  }
}

/// Why the caller may not ask; nothing when it may.
std::optional<Response> refusal(ApiContext& context, const AdminRoute& route,
                                const Request& request) {
  Visit visit(context, request);
  try {
    if (!visit.has_bearer()) visit.draw_address();
    route.handler.is_metrics ? visit.admit_metrics() : visit.admit_admin();
    return std::nullopt;
  } catch (Refusal& refused) {
    if (!visit.has_bearer()) return std::move(refused.response);
    return visit.flood_or(std::move(refused.response));
  }
}

}  // namespace

const std::vector<AdminRoute>& admin_route_list() {
  static const std::vector<AdminRoute> list = [] {
    std::vector<AdminRoute> made;
    for (const AdminHandler& handler : admin_handlers())
      made.push_back({handler, handler.path == "/v1/admin/usage" ? ProblemType::unknown_csp
                                                                 : ProblemType::not_found});
    return made;
  }();
  return list;
}

void answer_admin(ApiContext& context, const std::shared_ptr<ThreadLoop>& loop,
                  const AdminRoute& route, const Request& request, const http::Answer& answer) {
  const auto finish = [](const http::Answer& to, Response response) {
    add_common_headers(response);
    to(std::move(response));
  };
  if (auto refused = refusal(context, route, request)) return finish(answer, std::move(*refused));
  const auto back = [loop, answer, finish](Response response) {
    auto kept = std::make_shared<Response>(std::move(response));
    // When the loop has ended, so has the connection.
    [[maybe_unused]] const bool posted =
        loop->post([kept, answer, finish] { finish(answer, std::move(*kept)); });
  };
  const bool taken = context.desk.post([&route, request, back](Control& control) {
    answer_on_broker(route, control, request, back);
  });
  if (!taken)
    finish(answer, problem_for_now(ProblemType::overloaded, "the broker has too much to do", 1));
}

}  // namespace plugin
