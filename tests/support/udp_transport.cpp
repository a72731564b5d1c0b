#include "support/udp_transport.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "support/datagram_batch.h"

namespace turntest {
namespace {

constexpr std::size_t batches_per_receive_max = 4;
/// One send may report the ICMP error that an earlier one caused; trying again is then right.
constexpr int refusals_max = 2;

}  // namespace

std::size_t UdpTransport::send(const FrameBatch& batch, std::size_t first) {
  std::array<iovec, DatagramBatch::messages_max> vectors;
  std::array<mmsghdr, DatagramBatch::messages_max> messages{};
  std::size_t taken = 0;
  int refusals = 0;
  while (first + taken < batch.size()) {
    const std::size_t count = std::min(vectors.size(), batch.size() - first - taken);
    for (std::size_t i = 0; i < count; ++i) {
      const ByteView frame = batch.octets(first + taken + i);
      vectors[i] = {const_cast<std::uint8_t*>(frame.data()), frame.size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = ::sendmmsg(descriptor(), messages.data(), static_cast<unsigned>(count),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      taken += static_cast<std::size_t>(sent);
    } else if (errno == ECONNREFUSED) {
      if (++refusals > refusals_max) break;
    } else if (errno != EINTR) {
      break;
    }
  }
  return taken;
}

std::size_t UdpTransport::receive(const FrameHandler& handler) {
  DatagramBatch& batch = DatagramBatch::of_this_thread();
  std::size_t frames = 0;
  for (std::size_t round = 0; round < batches_per_receive_max; ++round) {
    const std::size_t count = batch.receive(descriptor(), false);
    for (std::size_t i = 0; i < count; ++i) handler(batch.datagram(i));
    frames += count;
    if (count < DatagramBatch::messages_max) break;
  }
  return frames;
}

}  // namespace turntest
