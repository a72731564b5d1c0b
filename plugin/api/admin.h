// The admin routes (ctl/handlers.h) over the HTTP API: with an admin token, answered by the broker
// thread. For the operator's programs, not for web pages: no CORS.
// Owner: none. Threads: the HTTP thread; handlers are called on the broker thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "api/api_context.h"
#include "api/problems.h"
#include "api/thread_loop.h"
#include "ctl/handlers.h"
#include "http/router.h"

namespace plugin {

struct AdminRoute {
  AdminHandler handler;
  ProblemType missing = ProblemType::not_found;  ///< what its 404 means
};

/// Constant, while the process lives.
[[nodiscard]] const std::vector<AdminRoute>& admin_route_list();

/// Checks the token (`route` is one of the list), and has the broker thread answer; `answer` is called on the thread of `loop`.
void answer_admin(ApiContext& context, const std::shared_ptr<ThreadLoop>& loop,
                  const AdminRoute& route, const http::Request& request,
                  const http::Answer& answer);

}  // namespace plugin
