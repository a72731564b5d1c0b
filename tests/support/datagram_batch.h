// Buffers for recvmmsg and sendmmsg, one set per thread, made at first use.
// Owner: the thread. Threads: each has its own.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <vector>

#include "support/bytes.h"

namespace turntest {

class DatagramBatch {
 public:
  static constexpr std::size_t messages_max = 64;
  /// The largest datagram; the odd part keeps the buffers off each other's cache sets.
  static constexpr std::size_t stride = 65536 + 320;

  [[nodiscard]] static DatagramBatch& of_this_thread();

  /// recvmmsg without waiting; how many arrived. Senders are recorded when `with_senders`.
  std::size_t receive(int descriptor, bool with_senders);
  [[nodiscard]] ByteView datagram(std::size_t index) const {
    return ByteView(arena_).subspan(index * stride, messages_[index].msg_len);
  }
  [[nodiscard]] const sockaddr_storage& sender(std::size_t index) const { return senders_[index]; }
  [[nodiscard]] sockaddr_storage& sender(std::size_t index) { return senders_[index]; }

 private:
  DatagramBatch();
  Bytes arena_;
  std::array<sockaddr_storage, messages_max> senders_{};
  std::array<iovec, messages_max> vectors_{};
  std::array<mmsghdr, messages_max> messages_{};
};

}  // namespace turntest
