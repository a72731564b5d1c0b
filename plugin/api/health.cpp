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
  const std::string why = standing->draining ? "the relay is draining" : standing->unhealthy;
  http::Response response =
      why.empty() ? http::json_response({{"status", "ready"}})
                  : problem_for_now(ProblemType::no_healthy_relay, why, retry_after_s);
  add_common_headers(response);
  return response;
}

}  // namespace plugin
