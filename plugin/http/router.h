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

/// To be called once, on the server's thread. When the client or the server has gone it does
/// nothing.
using Answer = std::function<void(Response)>;

/// Answers later, such as when another thread has said what to answer. What does not answer within
/// the request's time is answered 503.
using DeferredHandler = std::function<void(const Request&, Answer)>;

/// Answers with a stream, or with a Response when it refuses one.
using StreamHandler = std::function<std::variant<Response, Streaming>(const Request&)>;

/// The document for a status that no handler chose: 400, 404, 405, 413, 417, 429, 500, 501, 503.
using ProblemMaker = std::function<Response(int status, std::string_view detail)>;

/// The Answer given to a DeferredHandler is the answer.
struct Later {};
using Outcome = std::variant<Response, Streaming, Later>;

class Router {
 public:
  /// A second handler for the same method and path, of whatever kind, replaces the first. The path
  /// is compared octet by octet with what was sent.
  void add(std::string_view method, std::string_view path, Handler handler);
  void add_deferred(std::string_view method, std::string_view path, DeferredHandler handler);
  void add_stream(std::string_view method, std::string_view path, StreamHandler handler);

  /// Instead of http::problem.
  void set_problem_maker(ProblemMaker maker) { problem_ = std::move(maker); }
  [[nodiscard]] Response problem(int status, std::string_view detail) const {
    return problem_(status, detail);
  }

  /// 404 for an unknown path, 405 with Allow for a known one, 500 when the handler throws. A GET
  /// handler answers HEAD too; who sends the response leaves its body out. `later` makes the Answer
  /// for a deferred handler.
  [[nodiscard]] Outcome route(const Request& request, const std::function<Answer()>& later) const;

  /// The same for a handler that answers at once; 500 for any other.
  [[nodiscard]] Response route(const Request& request) const;

 private:
  using AnyHandler = std::variant<Handler, DeferredHandler, StreamHandler>;
  using Methods = std::map<std::string, AnyHandler, std::less<>>;

  [[nodiscard]] std::variant<Response, const AnyHandler*> find(const Request& request) const;

  std::map<std::string, Methods, std::less<>> paths_;
  ProblemMaker problem_ = http::problem;
};

}  // namespace plugin::http
