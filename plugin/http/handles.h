// Owning types for libevent's handles.
// Owner: whoever holds them. Threads: the thread that runs the event base.
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <memory>
#include <utility>

namespace plugin::http {

template <auto free_function>
struct FreeWith {
  template <typename T>
  void operator()(T* handle) const {
    free_function(handle);
  }
};

using EventBaseHandle = std::unique_ptr<event_base, FreeWith<event_base_free>>;
using EventHandle = std::unique_ptr<event, FreeWith<event_free>>;
using EvbufferHandle = std::unique_ptr<evbuffer, FreeWith<evbuffer_free>>;
using EvhttpHandle = std::unique_ptr<evhttp, FreeWith<evhttp_free>>;
using ListenerHandle = std::unique_ptr<evconnlistener, FreeWith<evconnlistener_free>>;

/// One reference to a bufferevent that somebody else frees: it stays a valid object, though perhaps
/// a dead connection, until this reference is gone.
class BuffereventReference {
 public:
  explicit BuffereventReference(bufferevent* borrowed) : bufferevent_(borrowed) {
    bufferevent_incref(bufferevent_);
  }
  BuffereventReference(BuffereventReference&& other) noexcept
      : bufferevent_(std::exchange(other.bufferevent_, nullptr)) {}
  BuffereventReference& operator=(BuffereventReference&& other) noexcept {
    std::swap(bufferevent_, other.bufferevent_);
    return *this;
  }
  BuffereventReference(const BuffereventReference&) = delete;
  BuffereventReference& operator=(const BuffereventReference&) = delete;
  ~BuffereventReference() {
    if (bufferevent_ != nullptr) bufferevent_decref(bufferevent_);
  }

  [[nodiscard]] bufferevent* get() const { return bufferevent_; }

 private:
  bufferevent* bufferevent_;
};

}  // namespace plugin::http
