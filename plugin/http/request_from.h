// evhttp's request as a Request.
// Owner: free function. Threads: the thread that runs the event base.
#pragma once

#include "http/connection.h"
#include "http/message.h"

namespace plugin::http {

/// All methods that evhttp knows, so that the router and not evhttp refuses one.
[[nodiscard]] ev_uint16_t every_method();

[[nodiscard]] Request request_from(evhttp_request* request, const Connection& connection);

}  // namespace plugin::http
