// An HTTP/1.1 server on somebody's event base: evhttp below, a Router above.
// Owner: its creator, who also owns the event base and keeps it longer. Threads: create and destroy
// it where the base runs, or while nothing runs it; everything else, and every handler, on the
// thread that runs it.
//
// The process must ignore SIGPIPE (coturn does): a client may be gone before its answer.
// What evhttp itself cannot take is answered with the router's problems, and ends the connection:
// 400, 413, 417, 501. Beyond the limits: 429 and 503, with Retry-After.
// Destroying the server ends its connections and streams; answers given later do nothing.
#pragma once

#include <memory>
#include <optional>

#include "broker/result.h"
#include "http/connection_guard.h"
#include "http/handles.h"
#include "http/limits.h"
#include "http/router.h"
#include "http/tls_context.h"
#include "unique_fd.h"

namespace plugin::http {

class Server {
 public:
  /// Throws std::bad_alloc.
  Server(event_base* base, Router router, const Limits& limits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves connections to a bound, listening, non-blocking socket, until the server is destroyed.
  [[nodiscard]] broker::Status serve(UniqueFd listening_socket);

  /// For connections that come from now on.
  void set_limits(const Limits& limits);

  /// What connections over TLS begin with from now on.
  void use_tls(TlsContext context) { tls_ = std::move(context); }
  /// The same as serve(), over TLS. Without use_tls() connections are closed at once.
  [[nodiscard]] broker::Status serve_tls(UniqueFd listening_socket);

 private:
  static void on_request(evhttp_request* request, void* self) noexcept;
  static void on_answered(evhttp_request* request, void* self) noexcept;
  [[nodiscard]] EvhttpHandle new_evhttp();
  [[nodiscard]] broker::Status serve_on(evhttp* http, UniqueFd listening_socket);
  void answer(evhttp_request* request, Connection& connection);
  void refuse(evhttp_request* request, Connection& connection);
  void stream(evhttp_request* request, Connection& connection, Streaming streaming);
  [[nodiscard]] Response busy(int status, std::string_view detail) const;

  event_base* base_;
  Router router_;
  std::optional<TlsContext> tls_;
  ConnectionGuard guard_;
  EvhttpHandle plain_;
  EvhttpHandle over_tls_;
};

}  // namespace plugin::http
