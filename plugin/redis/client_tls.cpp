#include "redis/client_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>
#include <system_error>
#include <utility>

namespace plugin::redis {

namespace {

// Without it OpenSSL would ask for the key's passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

/// SSL_set_tlsext_host_name() without its old-style cast.
bool set_sni(SSL* ssl, const std::string& name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(name.c_str())) == 1;
}

broker::Error unusable(const std::string& key, const std::string& file) {
  const unsigned long code = ERR_peek_last_error();
  std::string reason = "is not usable";
  if (ERR_SYSTEM_ERROR(code))
    reason = std::generic_category().message(ERR_GET_REASON(code));
  else if (const char* text = ERR_reason_error_string(code))
    reason = text;
  ERR_clear_error();
  return broker::Error{"broker.store." + key + ' ' + file + ": " + reason};
}

}  // namespace

ClientTls::ClientTls(SSL_CTX* owned, std::string server_name)
    : context_(owned, SSL_CTX_free), server_name_(std::move(server_name)) {}

broker::Result<ClientTls> ClientTls::load(const broker::RedisConfig& config) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) throw std::bad_alloc();
  ClientTls tls(context, config.tls_server_name);
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (config.tls_ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) return unusable("tls_ca", "(the system's)");
  } else if (SSL_CTX_load_verify_locations(context, config.tls_ca.c_str(), nullptr) != 1) {
    return unusable("tls_ca", config.tls_ca);
  }
  if (config.tls_certificate.empty()) return tls;
  if (SSL_CTX_use_certificate_chain_file(context, config.tls_certificate.c_str()) != 1)
    return unusable("tls_certificate", config.tls_certificate);
  if (SSL_CTX_use_PrivateKey_file(context, config.tls_private_key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return unusable("tls_private_key", config.tls_private_key);
  return tls;
}

http::SslHandle ClientTls::new_connection(const std::string& host) const {
  http::SslHandle ssl(SSL_new(context_.get()));
  if (!ssl) return nullptr;
  const std::string& name = server_name_.empty() ? host : server_name_;
  X509_VERIFY_PARAM* verification = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(verification, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // An address is no server name for SNI (RFC 6066, section 3), and stands in another field of the
  // certificate.
  const bool set = is_address(name)
                       ? X509_VERIFY_PARAM_set1_ip_asc(verification, name.c_str()) == 1
                       : X509_VERIFY_PARAM_set1_host(verification, name.data(), name.size()) == 1 &&
                             set_sni(ssl.get(), name);
  return set ? std::move(ssl) : nullptr;
}

std::string tls_failure(const SSL* ssl, unsigned long code) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK)
    return std::string("its certificate is refused: ") + X509_verify_cert_error_string(verified);
  const char* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return text != nullptr ? std::string("TLS: ") + text : std::string();
}

}  // namespace plugin::redis
