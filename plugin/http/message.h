// HTTP requests and responses as values, apart from the library that carries them.
// Owner: values. Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plugin::http {

using Json = nlohmann::ordered_json;
using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;   ///< "GET", "POST", ...
  std::string path;     ///< as sent, not percent-decoded; begins with '/'
  std::string query;    ///< as sent, without the '?'
  NamedValues headers;  ///< as sent, in order
  std::string body;
  std::string remote_address = {};  ///< of the client, without port; empty on a Unix socket
  bool secure = false;              ///< came over TLS

  /// The first header of that name, whatever its case; nullptr when there is none.
  [[nodiscard]] const std::string* header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  NamedValues headers;  ///< beside Content-Type and Content-Length
  std::string body;
};

/// `value` as the body. Text in it that is not UTF-8 is sent with replacement characters.
[[nodiscard]] Response json_response(const Json& value, int status = 200);

/// A problem document (RFC 9457) of type "about:blank": the title is the status's own phrase.
[[nodiscard]] Response problem(int status, std::string_view detail);

/// The phrase of RFC 9110, section 15: "Not Found". "Error" for a status the project does not use.
[[nodiscard]] std::string_view reason_phrase(int status);

/// Names of headers and schemes know no case.
[[nodiscard]] bool equal_without_case(std::string_view a, std::string_view b);

/// "text/html; charset=utf-8" is of the media type "text/html".
[[nodiscard]] bool has_media_type(std::string_view content_type, std::string_view media_type);

}  // namespace plugin::http
