// Bounds what evhttp of libevent 2.1 leaves unbounded: connections at once, the time of a request
// as a whole, and the octets that a client sends ahead while it does not read.
// Owner: http::Server. Threads: the thread that runs the event base.
#pragma once

#include <chrono>
#include <vector>

#include "http/handles.h"
#include "http/limits.h"

namespace plugin::http {

class ConnectionGuard {
 public:
  using Clock = std::chrono::steady_clock;

  /// `base` and `http` are borrowed; `http` must be freed before the guard. Throws std::bad_alloc.
  ConnectionGuard(event_base* base, evhttp* http, const Limits& limits);
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

  /// Paused while there are connections_max connections. Borrowed, owned by `http`.
  void add_listener(evconnlistener* listener) { listeners_.push_back(listener); }

  /// An answer was sent whole: the next request's time starts.
  void answered(const bufferevent* connection);

 private:
  struct Connection {
    BuffereventReference bufferevent;
    Clock::time_point deadline;
  };

  static bufferevent* on_accept(event_base* base, void* self) noexcept;
  static void on_tick(evutil_socket_t, short, void* self) noexcept;
  void accepted(bufferevent* connection);
  void tick();
  void accept(bool on);

  Limits limits_;
  std::vector<Connection> connections_;
  std::vector<evconnlistener*> listeners_;
  bool accepting_ = true;
  EventHandle tick_;
};

}  // namespace plugin::http
