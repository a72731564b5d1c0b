#include "http/router.h"

#include <exception>

namespace plugin::http {

void Router::add(std::string_view method, std::string_view path, Handler handler) {
  paths_[std::string(path)].insert_or_assign(std::string(method), std::move(handler));
}

void Router::add_deferred(std::string_view method, std::string_view path, DeferredHandler handler) {
  paths_[std::string(path)].insert_or_assign(std::string(method), std::move(handler));
}

void Router::add_stream(std::string_view method, std::string_view path, StreamHandler handler) {
  paths_[std::string(path)].insert_or_assign(std::string(method), std::move(handler));
}

std::variant<Response, const Router::AnyHandler*> Router::find(const Request& request) const {
  const auto path = paths_.find(request.path);
  if (path == paths_.end()) return problem(404, "there is nothing at " + request.path);
  const Methods& methods = path->second;
  auto method = methods.find(request.method);
  if (method == methods.end() && request.method == "HEAD") method = methods.find("GET");
  if (method != methods.end()) return &method->second;

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

Outcome Router::route(const Request& request, const std::function<Answer()>& later) const {
  try {
    auto found = find(request);
    if (auto* refusal = std::get_if<Response>(&found)) return std::move(*refusal);
    const AnyHandler& handler = *std::get<const AnyHandler*>(found);
    if (const auto* at_once = std::get_if<Handler>(&handler)) return (*at_once)(request);
    if (const auto* deferred = std::get_if<DeferredHandler>(&handler)) {
      (*deferred)(request, later());
      return Later{};
    }
    auto stream = std::get<StreamHandler>(handler)(request);
    if (auto* refusal = std::get_if<Response>(&stream)) return std::move(*refusal);
    return std::get<Streaming>(std::move(stream));
  } catch (const std::exception&) {
    // What it says may hold a secret or an address of ours; the operator's log is not written from
    // here.
    return problem(500, "the request could not be answered because of an error inside the relay");
  }
}

Response Router::route(const Request& request) const {
  Outcome outcome = route(request, [] { return [](const Response&) {}; });
  if (auto* response = std::get_if<Response>(&outcome)) return std::move(*response);
  return problem(500, request.path + " does not answer at once");
}

}  // namespace plugin::http
