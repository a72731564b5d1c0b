#include "support/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/time.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "support/socket_setup.h"

namespace turntest {
namespace {

struct ContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;

/// Small enough that no handshake flight needs IP fragments.
constexpr long dtls_mtu = 1400;

ContextPtr make_context(const SSL_METHOD* method) {
  ContextPtr context(SSL_CTX_new(method));
  if (!context) throw std::runtime_error("no TLS context: " + take_openssl_error());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  // A load test opens thousands of connections; idle ones should not keep record buffers.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  return context;
}

SslPtr make_ssl(SSL_CTX* context) {
  SslPtr ssl(SSL_new(context));
  if (!ssl) throw std::runtime_error("no TLS connection: " + take_openssl_error());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "no detail";
  char text[256];
  ERR_error_string_n(error, text, sizeof text);
  return text;
}

SslPtr new_tls_client(int descriptor) {
  static const ContextPtr context = [] {
    // OpenSSL writes to sockets without MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    return make_context(TLS_client_method());
  }();
  SslPtr ssl = make_ssl(context.get());
  if (SSL_set_fd(ssl.get(), descriptor) != 1)
    throw std::runtime_error("no TLS on the socket: " + take_openssl_error());
  return ssl;
}

SslPtr new_dtls_client(int descriptor, const Address& server) {
  static const ContextPtr context = make_context(DTLS_client_method());
  SslPtr ssl = make_ssl(context.get());
  BIO* bio = BIO_new_dgram(descriptor, BIO_NOCLOSE);
  if (bio == nullptr) throw std::runtime_error("no DTLS on the socket: " + take_openssl_error());
  SocketAddress address(server);
  BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &address.storage);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_options(ssl.get(), SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(ssl.get(), dtls_mtu);
  return ssl;
}

void shake_hands(SSL* ssl, int descriptor, const Address& server, TimePoint deadline) {
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error("TLS handshake with " + server.to_string() + ": " + why);
  };
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    if (result == 1) return;
    const int error = SSL_get_error(ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail(take_openssl_error());
    if (Clock::now() >= deadline) fail("not finished in time");
    TimePoint until = deadline;
    timeval resend{};
    if (SSL_is_dtls(ssl) != 0 && DTLSv1_get_timeout(ssl, &resend) != 0)
      until = std::min(until, Clock::now() + std::chrono::seconds(resend.tv_sec) +
                                  std::chrono::microseconds(resend.tv_usec));
    wait_for(descriptor, error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN, until);
    if (SSL_is_dtls(ssl) != 0 && DTLSv1_handle_timeout(ssl) < 0) fail("too many flights lost");
  }
}

}  // namespace turntest
