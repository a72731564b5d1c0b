// Sending a Response as evhttp's answer to a request.
// Owner: free functions. Threads: the thread that runs the event base.
#pragma once

#include "http/connection.h"
#include "http/message.h"

namespace plugin::http {

/// Sends it; `request` is evhttp's from then on. Throws std::bad_alloc, then nothing was sent.
void reply(evhttp_request* request, Connection& connection, const Response& response);

/// Sends the head of a 200 whose body has no length and ends with the connection.
void reply_with_stream(evhttp_request* request, Connection& connection, const Response& head);

}  // namespace plugin::http
