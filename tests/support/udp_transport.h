// UDP between client and server: one connected socket, batched system calls.
// Owner: open_transport. Threads: one at a time.
#pragma once

#include "support/transport.h"

namespace turntest {

class UdpTransport final : public Transport {
 public:
  explicit UdpTransport(Descriptor socket) : Transport(std::move(socket)) {}
  [[nodiscard]] bool is_stream() const override { return false; }
  std::size_t send(const FrameBatch& batch, std::size_t first) override;
  std::size_t receive(const FrameHandler& handler) override;
};

}  // namespace turntest
