// What evhttp of libevent 2.1 lets pass of a request's head, and a proxy before us may have read in
// another way: the two would not agree on where the request ends (RFC 9112, section 11.2).
// Owner: free function. Threads: any.
#pragma once

#include <optional>
#include <string>

#include "http/message.h"

namespace plugin::http {

/// What is wrong with it, for the client; nullopt: nothing. The connection must end with the refusal, as what
/// follows on it may be the body.
[[nodiscard]] std::optional<std::string> framing_problem(const Request& request);

}  // namespace plugin::http
