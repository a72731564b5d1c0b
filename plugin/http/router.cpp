#include "http/router.h"

#include <exception>

namespace plugin::http {

void Router::add(std::string_view method, std::string_view path, Handler handler) {
  paths_[std::string(path)][std::string(method)] = std::move(handler);
}

Response Router::route(const Request& request) const {
  const auto path = paths_.find(request.path);
  if (path == paths_.end()) return problem(404, "there is nothing at " + request.path);
  const Methods& methods = path->second;
  auto method = methods.find(request.method);
  if (method == methods.end() && request.method == "HEAD") method = methods.find("GET");
  if (method == methods.end()) {
    std::string allowed;
    for (const auto& [name, handler] : methods) {
      allowed.append(allowed.empty() ? "" : ", ").append(name);
      if (name == "GET") allowed.append(", HEAD");
    }
    Response response =
        problem(405, request.path + " does not take " + request.method + "; allowed: " + allowed);
    response.headers.emplace_back("Allow", allowed);
    return response;
  }
  try {
    return method->second(request);
  } catch (const std::exception&) {
    // What it says may hold a secret or an address of ours; the operator's log is not written from
    // here.
    return problem(500, "the request could not be answered because of an error inside the relay");
  }
}

}  // namespace plugin::http
