// Batched datagrams from a peer's socket to many relayed transport addresses.
// Owner: a worker. Threads: one at a time.
#pragma once

#include <vector>

#include "support/address.h"
#include "support/bytes.h"
#include "support/framing.h"

namespace turnload {

class PeerSender {
 public:
  explicit PeerSender(int descriptor) : descriptor_(descriptor) {}
  void queue(const turntest::SocketAddress& to, turntest::ByteView payload);
  /// Sends what the kernel takes and tells what that was; the rest stays queued.
  turntest::TrafficCount flush();
  [[nodiscard]] std::size_t queued() const { return payloads_.size() - first_; }

 private:
  int descriptor_;
  turntest::FrameBatch payloads_;
  std::vector<turntest::SocketAddress> destinations_;
  std::size_t first_ = 0;
};

}  // namespace turnload
