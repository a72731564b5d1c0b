// The certificate a TLS server shows, and how it speaks TLS.
// Owner: value; connections keep what they began with. Threads: one.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "broker/result.h"

namespace plugin::http {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslHandle = std::unique_ptr<SSL, FreeSsl>;

class TlsContext {
 public:
  /// From PEM files: the certificate with its chain, and its private key, not encrypted. TLS 1.2
  /// and 1.3 with forward secrecy and AEAD only; ALPN "http/1.1". An error names the file and why.
  [[nodiscard]] static broker::Result<TlsContext> load(const std::string& certificate_file,
                                                       const std::string& private_key_file);

  /// A server's side of a new connection. Null when memory is short.
  [[nodiscard]] SslHandle new_connection() const { return SslHandle(SSL_new(context_.get())); }

 private:
  explicit TlsContext(SSL_CTX* owned) : context_(owned, SSL_CTX_free) {}

  std::shared_ptr<SSL_CTX> context_;
};

}  // namespace plugin::http
