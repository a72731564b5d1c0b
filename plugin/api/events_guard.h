// GET /v1/events behind the checks that all public routes share.
// Owner: none. Threads: the HTTP thread.
#pragma once

#include "api/api_context.h"
#include "api/event_hub.h"
#include "http/router.h"

namespace plugin {

/// Both are borrowed; they must outlive the handler and the streams it opened.
[[nodiscard]] http::StreamHandler guarded_events(ApiContext& context, EventHub& hub);

}  // namespace plugin
