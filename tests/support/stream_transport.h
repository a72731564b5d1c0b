// TCP and TLS between client and server.
// Owner: open_transport. Threads: one at a time.
#pragma once

#include "support/tls.h"
#include "support/transport.h"

namespace turntest {

/// What TCP and TLS share: framing, and a bounded buffer of octets the kernel did not take yet.
class FramedStreamTransport : public StreamTransport {
 public:
  std::size_t send(const FrameBatch& batch, std::size_t first) override;
  std::size_t receive(const FrameHandler& handler) override;
  [[nodiscard]] bool has_unsent() const override { return unsent_start_ < unsent_.size(); }
  void flush() override;
  void stop_framing() override { framing_ = false; }
  std::size_t write_some(ByteView octets) override;
  std::size_t read_some(std::span<std::uint8_t> into) override;

 protected:
  using StreamTransport::StreamTransport;
  /// Octets moved; 0 when it would wait or the connection ended (then closed() is true).
  virtual std::size_t write_now(ByteView octets) = 0;
  virtual std::size_t read_now(std::span<std::uint8_t> into) = 0;

 private:
  StreamFramer framer_;
  bool framing_ = true;
  Bytes early_;  ///< raw octets that came behind the last frame
  Bytes unsent_;
  std::size_t unsent_start_ = 0;
};

class TcpTransport final : public FramedStreamTransport {
 public:
  explicit TcpTransport(Descriptor socket) : FramedStreamTransport(std::move(socket)) {}
  void finish_writing() override;

 protected:
  std::size_t write_now(ByteView octets) override;
  std::size_t read_now(std::span<std::uint8_t> into) override;
};

class TlsTransport final : public FramedStreamTransport {
 public:
  /// The socket is connected; shakes hands until `deadline`.
  TlsTransport(Descriptor socket, const Address& server, TimePoint deadline);
  void finish_writing() override;

 protected:
  std::size_t write_now(ByteView octets) override;
  std::size_t read_now(std::span<std::uint8_t> into) override;

 private:
  SslPtr ssl_;
  /// TLS wants an interrupted write repeated with the same octets.
  std::size_t write_pending_octets_ = 0;
};

}  // namespace turntest
