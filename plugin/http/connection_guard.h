// Bounds what evhttp of libevent 2.1 leaves unbounded: connections at once, in all and of one
// address, the time of a request as a whole with its TLS handshake, and the octets that a client
// sends ahead while it does not read.
// Owner: http::Server. Threads: the thread that runs the event base.
//
// evhttp tells nobody about a new connection's socket: it asks for a bufferevent, and gives it the
// socket afterwards. So each is looked at a moment later, before anything is read from it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/connection.h"
#include "http/limits.h"
#include "http/router.h"
#include "http/tls_context.h"

namespace plugin::http {

class ConnectionGuard {
 public:
  using Clock = Connection::Clock;

  /// `base` and `problems` are borrowed. Throws std::bad_alloc.
  ConnectionGuard(event_base* base, const Limits& limits, const Router& problems);
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;

  /// Watches over the connections of `http`, which must be freed before the guard. With `tls`, which
  /// is borrowed and may be replaced by its owner, they speak TLS.
  void watch_over(evhttp* http, const std::optional<TlsContext>* tls);

  /// Paused while there are too many connections. Borrowed, owned by an evhttp.
  void add_listener(evconnlistener* listener);

  /// Null for a bufferevent that is none of a watched connection.
  [[nodiscard]] Connection* find(const bufferevent* buffers) const;

  /// An answer was sent whole: the next request's time starts.
  void answered(Connection& connection);
  /// False when there are too many streams. Otherwise no time is counted until end_stream().
  [[nodiscard]] bool begin_stream(Connection& connection);
  void end_stream(Connection& connection);
  /// Ends the connection soon, and not within the call.
  void doom(Connection& connection);

  [[nodiscard]] const Limits& limits() const { return limits_; }
  /// For connections that come from now on.
  void set_limits(const Limits& limits) {
    limits_ = limits;
    accept_or_pause();
  }

 private:
  struct Entrance {
    ConnectionGuard* guard;
    const std::optional<TlsContext>* tls;
  };

  static bufferevent* on_accept(event_base* base, void* entrance) noexcept;
  static void on_accept_error(evconnlistener* listener, void*) noexcept;
  static void on_output(evbuffer*, const evbuffer_cb_info* change, void* it) noexcept;
  static void on_chores(evutil_socket_t, short, void* self) noexcept;
  static void on_tick(evutil_socket_t, short, void* self) noexcept;
  static void on_close(evhttp_connection* http, void* it) noexcept;

  void accepted(bufferevent* buffers, bool secure);
  void look_at(Connection& connection);
  /// Whether it counts against connections_per_address.
  [[nodiscard]] bool is_bounded(const PeerAddress& peer) const;
  [[nodiscard]] Standing standing_for(const PeerAddress& peer) const;
  void do_chores();
  void tick();
  void closed(Connection& connection);
  void let_go(Connection& connection);
  void stand(Connection& connection, Standing standing);
  void chore_for(Connection& connection);
  void accept_or_pause();
  [[nodiscard]] std::size_t count(Standing standing) const {
    return counts_[static_cast<std::size_t>(standing)];
  }

  Limits limits_;
  const Router& problems_;
  std::unordered_map<const bufferevent*, std::unique_ptr<Connection>> connections_;
  std::unordered_map<std::string, std::size_t> of_network_;
  std::array<std::size_t, standings> counts_{};
  std::vector<const bufferevent*> chores_;
  std::vector<std::unique_ptr<Entrance>> entrances_;
  std::vector<evconnlistener*> listeners_;
  bool accepting_ = true;
  EventHandle chores_event_;
  EventHandle tick_;
};

}  // namespace plugin::http
