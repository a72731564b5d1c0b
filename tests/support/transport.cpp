#include "support/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "support/dtls_transport.h"
#include "support/ports.h"
#include "support/socket_setup.h"
#include "support/stream_transport.h"
#include "support/udp_transport.h"

namespace turntest {
namespace {

constexpr int client_ports_tried_max = 256;

void connect_until(const Descriptor& socket, const Address& server, TimePoint deadline) {
  const SocketAddress address(server);
  if (::connect(socket.get(), address.get(), address.size) == 0) return;
  if (errno != EINPROGRESS) throw_errno("cannot connect to", server);
  if (!wait_for(socket.get(), POLLOUT, deadline)) {
    errno = ETIMEDOUT;
    throw_errno("cannot connect to", server);
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  if (error != 0) throw_errno("cannot connect to", server);
}

/// A datagram socket on a port that this process has not used lately.
Descriptor make_datagram_socket(int family) {
  for (int attempt = 0; attempt < client_ports_tried_max; ++attempt) {
    Address local;
    local.family = static_cast<std::uint8_t>(family);
    local.port = next_client_port();
    try {
      return make_socket(SOCK_DGRAM, family, local);
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::address_in_use) throw;
    }
  }
  return make_socket(SOCK_DGRAM, family, std::nullopt);  // the kernel's choice
}

}  // namespace

std::string_view to_string(TransportKind kind) {
  switch (kind) {
    case TransportKind::udp: return "udp";
    case TransportKind::tcp: return "tcp";
    case TransportKind::tls: return "tls";
    case TransportKind::dtls: return "dtls";
  }
  return "";
}

std::optional<TransportKind> parse_transport(std::string_view text) {
  for (const TransportKind kind : all_transports)
    if (text == to_string(kind)) return kind;
  return std::nullopt;
}

void Transport::close_because(std::string_view why) {
  if (why_closed_.empty()) why_closed_ = why.empty() ? "closed" : why;
}

std::uint64_t Transport::kernel_drops() const {
  // The kernel drops segments of streams too, and they come again.
  return is_stream() ? 0 : turntest::kernel_drops(socket_.get());
}

std::unique_ptr<Transport> open_transport(const TransportOptions& options) {
  const bool datagrams = options.kind == TransportKind::udp || options.kind == TransportKind::dtls;
  const TimePoint deadline = Clock::now() + options.timeout;
  Descriptor socket =
      datagrams && !options.local
          ? make_datagram_socket(options.server.family)
          : make_socket(datagrams ? SOCK_DGRAM : SOCK_STREAM, options.server.family, options.local);
  if (datagrams) {
    set_buffers(socket, options.buffer_octets);
  } else {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const linger reset{1, 0};
    if (options.reset_on_close)
      ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  connect_until(socket, options.server, deadline);
  switch (options.kind) {
    case TransportKind::udp: return std::make_unique<UdpTransport>(std::move(socket));
    case TransportKind::tcp: return std::make_unique<TcpTransport>(std::move(socket));
    case TransportKind::tls:
      return std::make_unique<TlsTransport>(std::move(socket), options.server, deadline);
    case TransportKind::dtls:
      return std::make_unique<DtlsTransport>(std::move(socket), options.server, deadline);
  }
  throw std::logic_error("no such transport");
}

}  // namespace turntest
