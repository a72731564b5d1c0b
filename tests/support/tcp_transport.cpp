#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "support/stream_transport.h"

namespace turntest {
namespace {

bool would_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

std::size_t TcpTransport::write_now(ByteView octets) {
  const ssize_t written =
      ::send(descriptor(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (written >= 0) return static_cast<std::size_t>(written);
  if (!would_wait(errno)) close_because(std::generic_category().message(errno));
  return 0;
}

std::size_t TcpTransport::read_now(std::span<std::uint8_t> into) {
  const ssize_t read = ::recv(descriptor(), into.data(), into.size(), MSG_DONTWAIT);
  if (read > 0) return static_cast<std::size_t>(read);
  if (read == 0)
    close_because("the server closed the connection");
  else if (!would_wait(errno))
    close_because(std::generic_category().message(errno));
  return 0;
}

void TcpTransport::finish_writing() { ::shutdown(descriptor(), SHUT_WR); }

}  // namespace turntest
