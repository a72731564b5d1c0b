// An HTTP/1.1 server on somebody's event base: evhttp below, a Router above.
// Owner: its creator, who also owns the event base and keeps it longer. Threads: create and destroy
// it where the base runs, or while nothing runs it; handlers are called on the thread that runs it.
//
// The process must ignore SIGPIPE (coturn does): a client may be gone before its answer.
// What evhttp itself cannot parse it answers itself (400, 413, 501) with a short HTML page.
#pragma once

#include <memory>

#include "broker/result.h"
#include "http/connection_guard.h"
#include "http/handles.h"
#include "http/limits.h"
#include "http/router.h"
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

 private:
  static void on_request(evhttp_request* request, void* self) noexcept;
  static void on_answered(evhttp_request* request, void* self) noexcept;
  void answer(evhttp_request* request);

  event_base* base_;
  Router router_;
  EvhttpHandle http_;
  ConnectionGuard guard_;
};

}  // namespace plugin::http
