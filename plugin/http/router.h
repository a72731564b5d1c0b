// Which handler answers which method and path.
// Owner: the server it is given to. Threads: the server's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "http/message.h"

namespace plugin::http {

using Handler = std::function<Response(const Request&)>;

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
