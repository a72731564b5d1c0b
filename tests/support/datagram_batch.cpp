#include "support/datagram_batch.h"

#include <cerrno>

namespace turntest {

DatagramBatch& DatagramBatch::of_this_thread() {
  static thread_local DatagramBatch batch;
  return batch;
}

DatagramBatch::DatagramBatch() : arena_(messages_max * stride) {
  for (std::size_t i = 0; i < messages_max; ++i) {
    vectors_[i] = {arena_.data() + i * stride, stride};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

std::size_t DatagramBatch::receive(int descriptor, bool with_senders) {
  for (std::size_t i = 0; i < messages_max; ++i) {
    messages_[i].msg_hdr.msg_name = with_senders ? &senders_[i] : nullptr;
    messages_[i].msg_hdr.msg_namelen = with_senders ? sizeof senders_[i] : 0;
  }
  for (;;) {
    const int count = ::recvmmsg(descriptor, messages_.data(), messages_max, MSG_DONTWAIT, nullptr);
    if (count >= 0) return static_cast<std::size_t>(count);
    // A connected socket reports an ICMP error of an earlier send once; what waits behind it is
    // read.
    if (errno != EINTR && errno != ECONNREFUSED) return 0;
  }
}

}  // namespace turntest
