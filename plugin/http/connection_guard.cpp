#include "http/connection_guard.h"

#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <new>

#include "http/html_page.h"

namespace plugin::http {

namespace {

// How late a deadline may be noticed.
constexpr timeval tick_interval{.tv_sec = 0, .tv_usec = 100'000};
// While there is no connection there is only a listener to be resumed, at the most.
constexpr timeval idle_interval{.tv_sec = 1, .tv_usec = 0};
// So many of one address are told that they are too many.
constexpr std::size_t excess_per_address_max = 4;
// A client that is still sending when it is refused may read why before its connection is reset.
constexpr std::chrono::seconds linger_time{1};

// evhttp clears the callbacks when it frees a connection, and only then; else it is their argument.
evhttp_connection* evhttp_of(bufferevent* buffers) {
  void* argument = nullptr;
  bufferevent_getcb(buffers, nullptr, nullptr, nullptr, &argument);
  return static_cast<evhttp_connection*>(argument);
}

bufferevent* new_bufferevent(event_base* base, const std::optional<TlsContext>* tls) {
  if (tls == nullptr) return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  SslHandle ssl = *tls ? (*tls)->new_connection() : nullptr;
  if (!ssl) return nullptr;
  bufferevent* buffers = bufferevent_openssl_socket_new(
      base, -1, ssl.release(), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  if (buffers != nullptr) bufferevent_openssl_set_allow_dirty_shutdown(buffers, 1);
  return buffers;
}

// evhttp itself ends a TLS connection without saying so.
void say_goodbye(bufferevent* buffers) {
  SSL* ssl = bufferevent_openssl_get_ssl(buffers);
  if (ssl == nullptr || !SSL_is_init_finished(ssl)) return;
  SSL_shutdown(ssl);
  ERR_clear_error();
}

}  // namespace

ConnectionGuard::ConnectionGuard(event_base* base, const Limits& limits, const Router& problems)
    : limits_(limits),
      problems_(problems),
      chores_event_(event_new(base, -1, 0, on_chores, this)),
      tick_(event_new(base, -1, EV_PERSIST, on_tick, this)) {
  if (!chores_event_ || !tick_) throw std::bad_alloc();
  event_add(tick_.get(), &idle_interval);
  connections_.reserve(limits_.connections_max + limits_.connections_excess_max);
}

void ConnectionGuard::watch_over(evhttp* http, const std::optional<TlsContext>* tls) {
  entrances_.push_back(std::make_unique<Entrance>(Entrance{this, tls}));
  evhttp_set_bevcb(http, on_accept, entrances_.back().get());
}

void ConnectionGuard::add_listener(evconnlistener* listener) {
  evconnlistener_set_error_cb(listener, on_accept_error);
  listeners_.push_back(listener);
  if (!accepting_) evconnlistener_disable(listener);
}

Connection* ConnectionGuard::find(const bufferevent* buffers) const {
  const auto found = connections_.find(buffers);
  return found != connections_.end() ? found->second.get() : nullptr;
}

bufferevent* ConnectionGuard::on_accept(event_base* base, void* entrance) noexcept {
  const auto* from = static_cast<const Entrance*>(entrance);
  bufferevent* buffers = new_bufferevent(base, from->tls);
  if (buffers == nullptr) return nullptr;
  try {
    from->guard->accepted(buffers, from->tls != nullptr);
  } catch (const std::exception&) {
    bufferevent_free(buffers);
    return nullptr;
  }
  return buffers;
}

void ConnectionGuard::accepted(bufferevent* buffers, bool secure) {
  // evhttp goes on reading while it writes an answer. Without the mark, a client that sends and
  // never reads would fill the memory. A whole body must fit below it, for evhttp waits for that.
  bufferevent_setwatermark(buffers, EV_READ, 0,
                           limits_.headers_octets_max + limits_.body_octets_max + 1);
  auto connection = std::make_unique<Connection>(*this, buffers, secure);
  connection->deadline = Clock::now() + limits_.request_time;
  connection->output_watch =
      evbuffer_add_cb(bufferevent_get_output(buffers), on_output, connection.get());
  chores_.push_back(buffers);
  Connection& kept = *connections_.emplace(buffers, std::move(connection)).first->second;
  ++counts_[static_cast<std::size_t>(kept.standing)];
  event_active(chores_event_.get(), 0, 0);
  if (connections_.size() == 1) event_add(tick_.get(), &tick_interval);
  accept_or_pause();
}

void ConnectionGuard::look_at(Connection& connection) {
  connection.http = evhttp_of(connection.buffers());
  if (connection.http == nullptr) return let_go(connection);  // it came to nothing
  evhttp_connection_set_closecb(connection.http, on_close, &connection);
  const int descriptor = bufferevent_getfd(connection.buffers());
  auto peer = peer_of(descriptor);
  if (!peer) return evhttp_connection_free(connection.http);
  connection.peer = std::move(*peer);
  const Standing standing = standing_for(connection.peer);
  if (!connection.peer.network.empty()) {
    connection.of_network = is_bounded(connection.peer);
    if (connection.of_network) ++of_network_[connection.peer.network];
    const int yes = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  if (standing == Standing::closing) return evhttp_connection_free(connection.http);
  if (standing != Standing::regular)
    connection.deadline = Clock::now() + std::min(limits_.request_time, limits_.refusal_time);
  stand(connection, standing);
}

bool ConnectionGuard::is_bounded(const PeerAddress& peer) const {
  return !peer.network.empty() && std::ranges::find(limits_.addresses_unbounded, peer.text) ==
                                      limits_.addresses_unbounded.end();
}

Standing ConnectionGuard::standing_for(const PeerAddress& peer) const {
  const auto found = of_network_.find(peer.network);
  const std::size_t same = found != of_network_.end() ? found->second : 0;
  const std::size_t same_max = limits_.connections_per_address;
  if (same_max != 0 && same >= same_max && is_bounded(peer))
    return same < same_max + excess_per_address_max ? Standing::beyond_address : Standing::closing;
  return count(Standing::regular) < limits_.connections_max ? Standing::regular
                                                            : Standing::beyond_total;
}

void ConnectionGuard::answered(Connection& connection) {
  connection.answering = false;
  connection.open_answer.reset();
  connection.deadline = Clock::now() + limits_.request_time;
}

bool ConnectionGuard::begin_stream(Connection& connection) {
  if (count(Standing::stream) >= limits_.streams_max) return false;
  stand(connection, Standing::stream);
  connection.deadline = Clock::time_point::max();
  return true;
}

void ConnectionGuard::end_stream(Connection& connection) {
  stand(connection, Standing::regular);
  connection.deadline = Clock::now() + limits_.request_time;
}

void ConnectionGuard::doom(Connection& connection) {
  connection.doomed = true;
  chore_for(connection);
}

void ConnectionGuard::chore_for(Connection& connection) {
  chores_.push_back(connection.buffers());
  event_active(chores_event_.get(), 0, 0);
}

void ConnectionGuard::on_output(evbuffer*, const evbuffer_cb_info* change, void* it) noexcept {
  auto& connection = *static_cast<Connection*>(it);
  if (connection.answering || connection.http == nullptr || change->n_added == 0 ||
      !begins_html_page(connection.buffers(), change->orig_size))
    return;
  connection.html_page = change->orig_size;
  connection.refused = true;
  try {
    connection.guard.chore_for(connection);
  } catch (const std::exception&) {  // then the page stays as it is
  }
}

void ConnectionGuard::on_chores(evutil_socket_t, short, void* self) noexcept {
  try {
    static_cast<ConnectionGuard*>(self)->do_chores();
  } catch (const std::exception&) {  // what is left is ended when its time is over
  }
}

void ConnectionGuard::do_chores() {
  for (const bufferevent* buffers : std::exchange(chores_, {})) {
    Connection* connection = find(buffers);
    if (connection == nullptr) continue;
    if (connection->standing == Standing::fresh) {
      look_at(*connection);
    } else if (connection->doomed && connection->http != nullptr) {
      evhttp_connection_free(connection->http);
    } else if (connection->html_page) {
      connection->answering = true;  // what is put in its place is ours, and the last
      replace_html_page(connection->buffers(), *std::exchange(connection->html_page, std::nullopt),
                        problems_, limits_);
    }
  }
}

void ConnectionGuard::on_tick(evutil_socket_t, short, void* self) noexcept {
  try {
    static_cast<ConnectionGuard*>(self)->tick();
  } catch (const std::exception&) {  // the next tick tries again
  }
}

void ConnectionGuard::tick() {
  const Clock::time_point now = Clock::now();
  std::vector<const bufferevent*> over;
  for (const auto& [buffers, connection] : connections_) {
    if (connection->standing == Standing::closing) {
      evbuffer* input = bufferevent_get_input(connection->buffers());
      evbuffer_drain(input, evbuffer_get_length(input));
      if ((bufferevent_get_enabled(connection->buffers()) & EV_READ) == 0) over.push_back(buffers);
    }
    if (connection->deadline <= now) over.push_back(buffers);
  }
  for (const bufferevent* buffers : over) {
    Connection* connection = find(buffers);
    if (connection == nullptr) continue;
    if (connection->standing == Standing::fresh) {
      look_at(*connection);
    } else if (connection->http == nullptr) {
      let_go(*connection);
    } else if (connection->open_answer && connection->open_answer->out_of_time()) {
      connection->deadline = now + limits_.refusal_time;
    } else {
      evhttp_connection_free(connection->http);
    }
  }
  for (evconnlistener* listener : listeners_)
    if (accepting_) evconnlistener_enable(listener);  // see on_accept_error
  if (connections_.empty()) event_add(tick_.get(), &idle_interval);
}

void ConnectionGuard::on_close(evhttp_connection*, void* it) noexcept {
  auto& connection = *static_cast<Connection*>(it);
  connection.guard.closed(connection);
}

void ConnectionGuard::closed(Connection& connection) {
  if (const auto open_answer = std::exchange(connection.open_answer, nullptr))
    open_answer->connection_gone();
  connection.http = nullptr;
  if (connection.secure) say_goodbye(connection.buffers());
  if (!connection.refused) return let_go(connection);
  stand(connection, Standing::closing);
  connection.deadline = std::min(connection.deadline, Clock::now() + linger_time);
}

void ConnectionGuard::let_go(Connection& connection) {
  --counts_[static_cast<std::size_t>(connection.standing)];
  if (connection.of_network) {
    const auto counted = of_network_.find(connection.peer.network);
    if (--counted->second == 0) of_network_.erase(counted);
  }
  connections_.erase(connection.buffers());
  accept_or_pause();
}

void ConnectionGuard::stand(Connection& connection, Standing standing) {
  --counts_[static_cast<std::size_t>(connection.standing)];
  ++counts_[static_cast<std::size_t>(standing)];
  connection.standing = standing;
  accept_or_pause();
}

// Such as a lack of descriptors: the socket stays readable, and asking again at once would be asking
// all the time. The next tick resumes.
void ConnectionGuard::on_accept_error(evconnlistener* listener, void*) noexcept {
  evconnlistener_disable(listener);
}

void ConnectionGuard::accept_or_pause() {
  const std::size_t present = connections_.size() - count(Standing::stream);
  const bool accept = present < limits_.connections_max + limits_.connections_excess_max;
  if (accept == accepting_) return;
  accepting_ = accept;
  for (evconnlistener* listener : listeners_)
    accept ? evconnlistener_enable(listener) : evconnlistener_disable(listener);
}

}  // namespace plugin::http
