#include "peer_sender.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace turnload {
namespace {

constexpr std::size_t batch_max = 64;

}  // namespace

void PeerSender::queue(const turntest::SocketAddress& to, turntest::ByteView payload) {
  payloads_.add_raw(payload);
  destinations_.push_back(to);
}

turntest::TrafficCount PeerSender::flush() {
  std::array<iovec, batch_max> vectors;
  std::array<mmsghdr, batch_max> messages{};
  turntest::TrafficCount taken;
  while (queued() > 0) {
    const std::size_t count = std::min(batch_max, queued());
    for (std::size_t i = 0; i < count; ++i) {
      const turntest::ByteView payload = payloads_.octets(first_ + i);
      vectors[i] = {const_cast<std::uint8_t*>(payload.data()), payload.size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = destinations_[first_ + i].get();
      messages[i].msg_hdr.msg_namelen = destinations_[first_ + i].size;
    }
    const int sent =
        ::sendmmsg(descriptor_, messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) return taken;
      ++first_;  // this one cannot be sent at all; the others can
      continue;
    }
    for (int i = 0; i < sent; ++i) taken += {payloads_.octets(first_++).size(), 1};
  }
  payloads_.clear();
  destinations_.clear();
  first_ = 0;
  return taken;
}

}  // namespace turnload
