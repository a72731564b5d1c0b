// For load balancers and supervisors: is the process there, would it admit a call.
// Owner: pure functions. Threads: the HTTP thread.
#pragma once

#include "api/standing.h"
#include "http/message.h"

namespace plugin {

/// GET /healthz: 200 while the process serves.
[[nodiscard]] http::Response get_healthz(const StandingBoard& board);

/// GET /readyz: 200, or 503 with the reason why the relay would admit nobody now.
[[nodiscard]] http::Response get_readyz(const StandingBoard& board);

}  // namespace plugin
