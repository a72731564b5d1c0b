#include "support/certificate.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

#include "support/tls.h"

namespace turntest {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr long day_s = 24L * 60 * 60;

Owned<std::FILE> open_private(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::FILE* file = descriptor < 0 ? nullptr : ::fdopen(descriptor, "w");
  if (file == nullptr) throw std::runtime_error("cannot write " + path.string());
  return Owned<std::FILE>(file);
}

void check(bool fine) {
  if (!fine) throw std::runtime_error("cannot make a certificate: " + take_openssl_error());
}

}  // namespace

CertificateFiles make_certificate(const std::filesystem::path& directory) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate(X509_new());
  check(key && certificate);
  X509* x509 = certificate.get();
  check(X509_set_version(x509, 2) == 1);
  check(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -day_s);
  X509_gmtime_adj(X509_getm_notAfter(x509), 365 * day_s);
  check(X509_set_pubkey(x509, key.get()) == 1);
  X509_NAME* name = X509_get_subject_name(x509);
  const auto* common_name = reinterpret_cast<const unsigned char*>("relay.test");
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1);
  check(X509_set_issuer_name(x509, name) == 1);
  check(X509_sign(x509, key.get(), EVP_sha256()) != 0);

  CertificateFiles files{directory / "cert.pem", directory / "key.pem"};
  check(PEM_write_X509(open_private(files.certificate).get(), x509) == 1);
  check(PEM_write_PrivateKey(open_private(files.key).get(), key.get(), nullptr, nullptr, 0, nullptr,
                             nullptr) == 1);
  return files;
}

}  // namespace turntest
