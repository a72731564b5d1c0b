#include "http/connection_guard.h"

#include <algorithm>
#include <exception>
#include <new>

namespace plugin::http {

namespace {
// How late a deadline may be noticed, and how long the descriptor of a closed connection may live
// on. There are ticks only while there are connections.
constexpr timeval tick_interval{.tv_sec = 0, .tv_usec = 100'000};

// evhttp clears the callbacks when it frees a connection, and only then.
bool freed_by_evhttp(bufferevent* connection) {
  void* argument = nullptr;
  bufferevent_getcb(connection, nullptr, nullptr, nullptr, &argument);
  return argument == nullptr;
}
}  // namespace

ConnectionGuard::ConnectionGuard(event_base* base, evhttp* http, const Limits& limits)
    : limits_(limits), tick_(event_new(base, -1, EV_PERSIST, on_tick, this)) {
  if (!tick_) throw std::bad_alloc();
  connections_.reserve(limits_.connections_max);
  evhttp_set_bevcb(http, on_accept, this);
}

void ConnectionGuard::answered(const bufferevent* connection) {
  for (Connection& each : connections_)
    if (each.bufferevent.get() == connection) each.deadline = Clock::now() + limits_.request_time;
}

bufferevent* ConnectionGuard::on_accept(event_base* base, void* self) noexcept {
  bufferevent* connection = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  if (connection == nullptr) return nullptr;
  try {
    static_cast<ConnectionGuard*>(self)->accepted(connection);
  } catch (const std::exception&) {
    bufferevent_free(connection);
    return nullptr;
  }
  return connection;
}

void ConnectionGuard::accepted(bufferevent* connection) {
  // evhttp goes on reading while it writes an answer. Without the mark, a client that sends and
  // never reads would fill the memory. A whole body must fit below it, for evhttp waits for that.
  bufferevent_setwatermark(connection, EV_READ, 0,
                           limits_.headers_octets_max + limits_.body_octets_max + 1);
  connections_.push_back({BuffereventReference(connection), Clock::now() + limits_.request_time});
  if (connections_.size() == 1) event_add(tick_.get(), &tick_interval);
  if (connections_.size() >= limits_.connections_max) accept(false);
}

void ConnectionGuard::on_tick(evutil_socket_t, short, void* self) noexcept {
  static_cast<ConnectionGuard*>(self)->tick();
}

void ConnectionGuard::tick() {
  const Clock::time_point now = Clock::now();
  for (const Connection& each : connections_)
    if (each.deadline <= now && !freed_by_evhttp(each.bufferevent.get()))
      bufferevent_trigger_event(each.bufferevent.get(), BEV_EVENT_READING | BEV_EVENT_TIMEOUT, 0);
  std::erase_if(connections_,
                [](const Connection& each) { return freed_by_evhttp(each.bufferevent.get()); });
  if (connections_.empty()) event_del(tick_.get());
  if (connections_.size() < limits_.connections_max) accept(true);
}

void ConnectionGuard::accept(bool on) {
  if (on == accepting_) return;
  accepting_ = on;
  for (evconnlistener* listener : listeners_)
    on ? evconnlistener_enable(listener) : evconnlistener_disable(listener);
}

}  // namespace plugin::http
