#include <openssl/err.h>

#include <algorithm>

#include "support/stream_transport.h"

namespace turntest {

TlsTransport::TlsTransport(Descriptor socket, const Address& server, TimePoint deadline)
    : FramedStreamTransport(std::move(socket)), ssl_(new_tls_client(descriptor())) {
  shake_hands(ssl_.get(), descriptor(), server, deadline);
}

std::size_t TlsTransport::write_now(ByteView octets) {
  ERR_clear_error();
  const std::size_t size =
      write_pending_octets_ != 0 ? std::min(write_pending_octets_, octets.size()) : octets.size();
  const int result = SSL_write(ssl_.get(), octets.data(), static_cast<int>(size));
  if (result > 0) {
    write_pending_octets_ = 0;
    return static_cast<std::size_t>(result);
  }
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    write_pending_octets_ = size;
  else
    close_because(error == SSL_ERROR_SYSCALL ? "the connection was reset" : take_openssl_error());
  return 0;
}

std::size_t TlsTransport::read_now(std::span<std::uint8_t> into) {
  ERR_clear_error();
  const int result = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
  if (result > 0) return static_cast<std::size_t>(result);
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
  close_because(error == SSL_ERROR_ZERO_RETURN ? "the server closed the TLS connection"
                : error == SSL_ERROR_SYSCALL   ? "the connection was reset"
                                               : take_openssl_error());
  return 0;
}

void TlsTransport::finish_writing() { SSL_shutdown(ssl_.get()); }

}  // namespace turntest
