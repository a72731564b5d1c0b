// Which handler answers which method and path.
// Owner: the server it is given to. Threads: the server's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "http/message.h"
#include "http/stream.h"

namespace plugin::http {

using Handler = std::function<Response(const Request&)>;

/// To be called once, on the server's thread. When the client has gone it does nothing.
using Answer = std::function<void(Response)>;

/// Answers later, such as when another thread has said what to answer. What never answers ends with
/// the request's time.
using DeferredHandler = std::function<void(const Request&, Answer)>;

/// Answers with a stream, or with a Response when it refuses one.
using StreamHandler = std::function<std::variant<Response, Streaming>(const Request&)>;

class Router {
 public:
  /// A second handler for the same method and path replaces the first.
  void add(std::string_view method, std::string_view path, Handler handler);

  /// 404 for an unknown path, 405 with Allow for a known one, 500 when the handler throws. A GET
  /// handler answers HEAD too; who sends the response leaves its body out.
  [[nodiscard]] Response route(const Request& request) const;

 private:
  using Methods = std::map<std::string, Handler, std::less<>>;
  std::map<std::string, Methods, std::less<>> paths_;
};

}  // namespace plugin::http
