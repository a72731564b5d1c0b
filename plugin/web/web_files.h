// The files of this directory that the HTTP API serves, as they were when the plugin was built.
// Owner: constants. Threads: any.
#pragma once

#include <span>
#include <string_view>

#include "http/message.h"

namespace plugin::web {

struct WebFile {
  std::string_view path;  ///< of the URL: "/turnbroker.js"
  std::string_view content_type;
  std::string_view content;
  bool example = false;  ///< served only where [broker.http] example is true
};

[[nodiscard]] std::span<const WebFile> web_files();

/// A page may run only what comes from its own origin. 304 when `request` names the present content
/// in If-None-Match. Throws std::bad_alloc.
[[nodiscard]] http::Response web_file_response(const WebFile& file, const http::Request& request);

}  // namespace plugin::web
