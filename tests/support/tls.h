// OpenSSL handles with owners, and client contexts that accept any certificate (the tests sign
// their own). Owner: contexts are shared by the process; an SSL has one owner. Threads: contexts
// any, SSL one.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "support/address.h"
#include "support/bytes.h"

namespace turntest {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

/// A new client connection on a connected socket. Throws std::runtime_error.
[[nodiscard]] SslPtr new_tls_client(int descriptor);
[[nodiscard]] SslPtr new_dtls_client(int descriptor, const Address& server);

/// Completes the handshake on the non-blocking socket; throws std::runtime_error with OpenSSL's
/// reason.
void shake_hands(SSL* ssl, int descriptor, const Address& server, TimePoint deadline);

/// The oldest error in OpenSSL's queue, which is emptied; "no detail" when there is none.
[[nodiscard]] std::string take_openssl_error();

}  // namespace turntest
