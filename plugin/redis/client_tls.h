// How a connection to a Redis server speaks TLS: whom it believes and what it shows.
// Owner: the client; connections keep what they began with. Threads: one.
#pragma once

#include <memory>
#include <string>

#include "broker/config.h"
#include "broker/result.h"
#include "http/tls_context.h"

namespace plugin::redis {

class ClientTls {
 public:
  /// From the PEM files of the configuration. TLS 1.2 and 1.3. An error names the key, the file and why.
  [[nodiscard]] static broker::Result<ClientTls> load(const broker::RedisConfig& config);

  /// A client's side of a new connection. The server's certificate must have tls_server_name, or `host`
  /// when there is none. Null when memory is short.
  [[nodiscard]] http::SslHandle new_connection(const std::string& host) const;

 private:
  ClientTls(SSL_CTX* owned, std::string server_name);

  std::shared_ptr<SSL_CTX> context_;
  std::string server_name_;
};

/// Why the handshake failed, from the verification and OpenSSL's code (0: none); empty: no reason
/// known.
[[nodiscard]] std::string tls_failure(const SSL* ssl, unsigned long code);

}  // namespace plugin::redis
