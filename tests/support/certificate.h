// A self-signed certificate for TLS and DTLS listeners.
// Owner: free function. Threads: any.
#pragma once

#include <filesystem>

namespace turntest {

struct CertificateFiles {
  std::filesystem::path certificate;  ///< PEM
  std::filesystem::path key;          ///< PEM, not encrypted, readable by the owner only
};

/// Writes cert.pem and key.pem (P-256, valid for a year from yesterday) into `directory`.
[[nodiscard]] CertificateFiles make_certificate(const std::filesystem::path& directory);

}  // namespace turntest
