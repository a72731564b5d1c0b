#include "support/dtls_transport.h"

#include <openssl/err.h>

namespace turntest {
namespace {

constexpr std::size_t records_per_receive_max = 256;

}  // namespace

DtlsTransport::DtlsTransport(Descriptor socket, const Address& server, TimePoint deadline)
    : Transport(std::move(socket)), ssl_(new_dtls_client(descriptor(), server)) {
  shake_hands(ssl_.get(), descriptor(), server, deadline);
}

DtlsTransport::~DtlsTransport() {
  // Tells the server that this 5-tuple is done with; one unanswered datagram.
  if (!closed()) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::size_t DtlsTransport::send(const FrameBatch& batch, std::size_t first) {
  std::size_t taken = 0;
  while (!closed() && first + taken < batch.size()) {
    const ByteView frame = batch.octets(first + taken);
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), frame.data(), static_cast<int>(frame.size()));
    if (result <= 0) {
      // SSL_ERROR_SYSCALL is what a refused datagram looks like; a later one may pass.
      if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_SSL) close_because(take_openssl_error());
      break;
    }
    ++taken;
  }
  return taken;
}

std::size_t DtlsTransport::receive(const FrameHandler& handler) {
  static thread_local Bytes buffer(65536);
  std::size_t frames = 0;
  while (!closed() && frames < records_per_receive_max) {
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (result <= 0) {
      const int error = SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_ZERO_RETURN) close_because("the server closed the DTLS connection");
      if (error == SSL_ERROR_SSL) close_because(take_openssl_error());
      break;
    }
    ++frames;
    handler(ByteView(buffer).first(static_cast<std::size_t>(result)));
  }
  return frames;
}

}  // namespace turntest
