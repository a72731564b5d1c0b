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
  const auto self = shared_from_this();
  if (!std::exchange(open_, false)) return;
  evhttp_request* request = std::exchange(request_, nullptr);
  connection_.guard.end_stream(connection_);
  evhttp_send_reply_end(request);
}

void OpenStream::connection_gone() noexcept {
  open_ = false;
  evhttp_request* request = std::exchange(request_, nullptr);
  if (request != nullptr) free_if_left_to_us(request);
}

}  // namespace plugin::http
