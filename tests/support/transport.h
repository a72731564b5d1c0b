// The path between a TURN client and the server: UDP, TCP, TLS or DTLS, over IPv4 or IPv6.
// Owner: a TurnClient. Threads: one at a time. Nothing here waits, but for open_transport.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "support/address.h"
#include "support/bytes.h"
#include "support/descriptor.h"
#include "support/framing.h"

namespace turntest {

enum class TransportKind : std::uint8_t { udp, tcp, tls, dtls };

inline constexpr std::array<TransportKind, 4> all_transports{
    TransportKind::udp, TransportKind::tcp, TransportKind::tls, TransportKind::dtls};

[[nodiscard]] std::string_view to_string(TransportKind kind);
[[nodiscard]] std::optional<TransportKind> parse_transport(std::string_view text);

struct TransportOptions {
  TransportKind kind = TransportKind::udp;
  Address server;
  std::optional<Address> local;  ///< port 0: the kernel's choice; none: see next_client_port()
  Milliseconds timeout{5000};    ///< to connect and shake hands
  int buffer_octets =
      16 << 20;  ///< SO_RCVBUF and SO_SNDBUF, beyond the system's limit where allowed
  bool reset_on_close = false;  ///< TCP and TLS: leave no TIME_WAIT behind
};

class Transport {
 public:
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// Byte streams pad ChannelData and may end.
  [[nodiscard]] virtual bool is_stream() const = 0;
  /// Sends frames [first, batch.size()); how many were taken, fewer when the rest would have to
  /// wait.
  virtual std::size_t send(const FrameBatch& batch, std::size_t first) = 0;
  /// Hands each frame that has arrived to `handler`, a bounded number per call; how many there
  /// were.
  virtual std::size_t receive(const FrameHandler& handler) = 0;
  /// Octets taken but not yet with the kernel: wait for writability, then flush().
  [[nodiscard]] virtual bool has_unsent() const { return false; }
  virtual void flush() {}

  /// The connection ended (never for UDP: without an answer one cannot know).
  [[nodiscard]] bool closed() const { return !why_closed_.empty(); }
  [[nodiscard]] const std::string& why_closed() const { return why_closed_; }
  /// Datagrams the kernel dropped because the receive buffer was full.
  [[nodiscard]] std::uint64_t kernel_drops() const;

 protected:
  explicit Transport(Descriptor socket) : socket_(std::move(socket)) {}
  void close_because(std::string_view why);

 private:
  Descriptor socket_;
  std::string why_closed_;
};

/// A byte stream, which RFC 6062's data connections use without framing.
class StreamTransport : public Transport {
 public:
  [[nodiscard]] bool is_stream() const override { return true; }
  /// Called inside a frame handler: hand out no further frame; what follows is raw octets.
  virtual void stop_framing() = 0;
  /// Raw octets written, 0 when it would have to wait.
  virtual std::size_t write_some(ByteView octets) = 0;
  /// Raw octets read, 0 when there are none yet (or ever: closed()).
  virtual std::size_t read_some(std::span<std::uint8_t> into) = 0;
  /// No more will be written.
  virtual void finish_writing() = 0;

 protected:
  using Transport::Transport;
};

/// Connects. Throws std::runtime_error that names the server and what failed.
[[nodiscard]] std::unique_ptr<Transport> open_transport(const TransportOptions& options);

}  // namespace turntest
