// What evhttp cannot take it answers itself, with an HTML page: 400, 413, 417, 501. Here such a page
// becomes a problem document, while it waits in a connection's output to be written.
// Owner: free functions. Threads: the thread that runs the event base.
#pragma once

#include <cstddef>

#include "http/handles.h"
#include "http/limits.h"
#include "http/router.h"

namespace plugin::http {

/// Whether the output has at `offset` the status line of an error.
[[nodiscard]] bool begins_html_page(bufferevent* buffers, std::size_t offset);

/// Puts a problem document in place of everything from `offset` on. The answer ends its connection.
void replace_html_page(bufferevent* buffers, std::size_t offset, const Router& problems,
                       const Limits& limits);

}  // namespace plugin::http
