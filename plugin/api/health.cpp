#include "api/health.h"

#include "api/problems.h"
#include "api/visit.h"

namespace plugin {

http::Response get_healthz(const StandingBoard&) {
  http::Response response = http::json_response({{"status", "ok"}});
  add_common_headers(response);
  return response;
}

http::Response get_readyz(const StandingBoard& board) {
  constexpr int retry_after_s = 5;
  const auto standing = board.get();
  http::Response response =
      standing->unhealthy.empty()
          ? http::json_response({{"status", "ready"}})
          : problem_for_now(ProblemType::no_healthy_relay, standing->unhealthy, retry_after_s);
  add_common_headers(response);
  return response;
}

}  // namespace plugin
