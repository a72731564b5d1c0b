#include "web/web_files.h"

#include <array>
#include <cstdint>
#include <string>

#include "web_content.h"  // made by the build

namespace plugin::web {

namespace {

constexpr std::string_view script = "text/javascript; charset=utf-8";

constexpr std::array files{
    WebFile{"/turnbroker.js", script, content_turnbroker_js, false},
    // No media type is registered for declarations of types.
    WebFile{"/turnbroker.d.ts", "text/plain; charset=utf-8", content_turnbroker_d_ts, false},
    WebFile{"/call.html", "text/html; charset=utf-8", content_call_html, true},
    WebFile{"/call.js", script, content_call_js, true},
    WebFile{"/call.css", "text/css; charset=utf-8", content_call_css, true},
};

// The page needs nothing but its own script, style and API; a camera, and no frame around it.
constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "media-src 'self' blob: mediastream:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'";

/// FNV-1a, 64 bits: to tell versions apart, not to protect anything.
std::string entity_tag(std::string_view content) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char octet : content)
    hash = (hash ^ static_cast<unsigned char>(octet)) * 0x100000001b3;
  return '"' + std::to_string(hash) + '"';
}

}  // namespace

std::span<const WebFile> web_files() { return files; }

http::Response web_file_response(const WebFile& file, const http::Request& request) {
  http::Response response;
  response.content_type = file.content_type;
  const std::string tag = entity_tag(file.content);
  response.headers = {
      {"Cache-Control", "no-cache"}, {"ETag", tag}, {"X-Content-Type-Options", "nosniff"}};
  if (file.example) {
    response.headers.emplace_back("Content-Security-Policy", page_policy);
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
  } else {
    // A module of another origin is loaded by the rules of CORS.
    response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  }
  const std::string* known = request.header("If-None-Match");
  if (known != nullptr && *known == tag)
    response.status = 304;
  else
    response.body = file.content;
  return response;
}

}  // namespace plugin::web
