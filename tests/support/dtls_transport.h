// DTLS between client and server: one record per frame.
// Owner: open_transport. Threads: one at a time.
#pragma once

#include "support/tls.h"
#include "support/transport.h"

namespace turntest {

class DtlsTransport final : public Transport {
 public:
  /// The socket is connected; shakes hands until `deadline`.
  DtlsTransport(Descriptor socket, const Address& server, TimePoint deadline);
  ~DtlsTransport() override;
  [[nodiscard]] bool is_stream() const override { return false; }
  std::size_t send(const FrameBatch& batch, std::size_t first) override;
  std::size_t receive(const FrameHandler& handler) override;

 private:
  SslPtr ssl_;
};

}  // namespace turntest
