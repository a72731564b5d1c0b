// All routes of the HTTP API but /v1/events, and the OpenAPI document that describes them.
// Owner: none. Threads: the HTTP thread.
#pragma once

#include <memory>

#include "api/api_context.h"
#include "api/thread_loop.h"
#include "http/router.h"

namespace plugin {

/// `context` is borrowed and outlives the router; the answers of admin routes come through `loop`.
void add_api_routes(http::Router& router, ApiContext& context,
                    const std::shared_ptr<ThreadLoop>& loop);

}  // namespace plugin
