#include "http/open_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <new>
#include <utility>

#include "http/connection_guard.h"
#include "http/pending_answer.h"

namespace plugin::http {

namespace {
// What a client sends into a stream is not read, but for noticing its end.
constexpr std::size_t input_octets_max = 1024;
constexpr int kernel_octets_max = 64 * 1024;
// A peer that acknowledges nothing for so long is gone, such as a phone without a network.
constexpr unsigned unacknowledged_ms_max = 30'000;
// A stream that is closed is written to its end for ten seconds at most.
constexpr int look_us = 5'000;
constexpr int looks_max = 2'000;
}  // namespace

OpenStream::OpenStream(evhttp_request* request, Connection& connection)
    : request_(request), connection_(connection), chunk_(evbuffer_new()) {
  if (!chunk_) throw std::bad_alloc();
  bufferevent_setwatermark(connection.buffers(), EV_READ, 0, input_octets_max);
  const int descriptor = bufferevent_getfd(connection.buffers());
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kernel_octets_max, sizeof kernel_octets_max);
  if (!connection.peer.network.empty())
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms_max,
                 sizeof unacknowledged_ms_max);
}

std::size_t OpenStream::room() const {
  if (!open_) return 0;
  const std::size_t unread = evbuffer_get_length(bufferevent_get_output(connection_.buffers()));
  const std::size_t most = connection_.guard.limits().stream_unread_octets_max;
  return unread < most ? most - unread : 0;
}

bool OpenStream::write(std::string_view octets) {
  if (!open_) return false;
  if (octets.size() > room() || evbuffer_add(chunk_.get(), octets.data(), octets.size()) != 0) {
    open_ = false;
    connection_.guard.doom(connection_);
    return false;
  }
  evhttp_send_reply_chunk(request_, chunk_.get());
  return true;
}

void OpenStream::close() {
  if (!std::exchange(open_, false)) return;
  closing_.reset(::event_new(
      bufferevent_get_base(connection_.buffers()), -1, 0,
      [](int, short, void* self) { static_cast<OpenStream*>(self)->end_when_written(); }, this));
  if (!closing_) return connection_.guard.doom(connection_);
  self_ = shared_from_this();
  end_when_written();
}

void OpenStream::end_when_written() {
  // libevent may still have to call evhttp back for what was written before, and evhttp would take that
  // for the end of what it writes now, and drop it: over TLS those calls come late. So the end waits
  // until everything is written, and for one turn of the loop more.
  const bool written = evbuffer_get_length(bufferevent_get_output(connection_.buffers())) == 0;
  if (!written && ++looks_ > looks_max) return connection_.guard.doom(connection_);
  if (!written || !std::exchange(was_written_, written)) {
    was_written_ = written;
    const timeval soon{0, written ? 0 : look_us};
    ::event_add(closing_.get(), &soon);
    return;
  }
  const auto self = std::exchange(self_, nullptr);
  evhttp_request* request = std::exchange(request_, nullptr);
  connection_.guard.end_stream(connection_);
  evhttp_send_reply_end(request);
  // Who wrote may keep this for longer than the loop lives.
  closing_.reset();
}

void OpenStream::connection_gone() noexcept {
  const auto self = std::exchange(self_, nullptr);
  closing_.reset();
  open_ = false;
  evhttp_request* request = std::exchange(request_, nullptr);
  if (request != nullptr) free_if_left_to_us(request);
}

}  // namespace plugin::http
