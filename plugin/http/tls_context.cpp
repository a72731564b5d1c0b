#include "http/tls_context.h"

#include <openssl/err.h>

#include <new>
#include <string_view>
#include <system_error>

namespace plugin::http {

namespace {

constexpr std::string_view offered_protocol{"\x08http/1.1"};

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_octets,
                    const unsigned char* offered, unsigned offered_octets, void*) {
  unsigned char* selected = nullptr;
  const int outcome = SSL_select_next_proto(
      &selected, chosen_octets, reinterpret_cast<const unsigned char*>(offered_protocol.data()),
      static_cast<unsigned>(offered_protocol.size()), offered, offered_octets);
  *chosen = selected;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Without it OpenSSL would ask for the key's passphrase on the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

std::string reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const bool not_pem =
      (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) ||
      (ERR_GET_LIB(code) == ERR_LIB_OSSL_DECODER && ERR_GET_REASON(code) == ERR_R_UNSUPPORTED);
  if (not_pem) return "holds no such PEM block";
  if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ)
    return "is encrypted";
  if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
    return "does not belong to the certificate";
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? text : "is not accepted by OpenSSL";
}

void restrict(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Tickets resume sessions without memory of ours; idle connections keep no buffers.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
}

}  // namespace

broker::Result<TlsContext> TlsContext::load(const std::string& certificate_file,
                                            const std::string& private_key_file) {
  SSL_CTX* owned = SSL_CTX_new(TLS_server_method());
  if (owned == nullptr) throw std::bad_alloc();
  TlsContext context(owned);
  restrict(owned);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(owned, certificate_file.c_str()) != 1)
    return broker::Error{"certificate " + certificate_file + ": " + reason()};
  if (SSL_CTX_use_PrivateKey_file(owned, private_key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return broker::Error{"private_key " + private_key_file + ": " + reason()};
  if (SSL_CTX_check_private_key(owned) != 1)
    return broker::Error{"private_key " + private_key_file +
                         ": does not belong to the certificate"};
  return context;
}

}  // namespace plugin::http
