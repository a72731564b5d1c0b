// The HTTP API over TLS: certificates that change while it serves.
#include <openssl/x509.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "api_client.h"
#include "fake_relay.h"
#include "support/certificate.h"
#include "support/temp_dir.h"
#include "support/tls.h"

using testing::eventually;
using testing::RunningBroker;

namespace {

struct TlsAnswer {
  int status = 0;
  std::string certificate;  ///< DER
};

TlsAnswer ask_over_tls(const std::string& url, const std::string& path) {
  const auto target = api_client::target_of(url);
  const plugin::UniqueFd fd = api_client::connect_to(target);
  const turntest::SslPtr ssl = turntest::new_tls_client(fd.get());
  if (SSL_connect(ssl.get()) != 1) throw std::runtime_error(turntest::take_openssl_error());
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  SSL_write(ssl.get(), request.data(), static_cast<int>(request.size()));
  std::array<char, 4096> chunk{};
  const int got = SSL_read(ssl.get(), chunk.data(), static_cast<int>(chunk.size()));
  if (got < 12) throw std::runtime_error("no answer over TLS");
  X509* certificate = SSL_get1_peer_certificate(ssl.get());
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  TlsAnswer answer{std::stoi(std::string(chunk.data() + 9, 3)),
                   std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(size))};
  OPENSSL_free(der);
  X509_free(certificate);
  return answer;
}

void replace(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto beside = to.string() + ".new";
  std::filesystem::copy_file(from, beside, std::filesystem::copy_options::overwrite_existing);
  std::filesystem::rename(beside, to);
}

}  // namespace

TEST_CASE("a renewed certificate is shown at once, and one that does not fit never", "[api]") {
  const turntest::TempDir directory;
  const auto live = turntest::make_certificate(directory.path());
  std::filesystem::create_directory(directory.path() / "renewed");
  const auto renewed = turntest::make_certificate(directory.path() / "renewed");
  RunningBroker running(
      "[broker.http]\nlisten = \"127.0.0.1:0\"\nlisten_tls = \"127.0.0.1:0\"\n"
      "certificate = \"" +
      live.certificate.string() + "\"\nprivate_key = \"" + live.key.string() + "\"\n");
  const auto urls = running.broker().api_urls();
  REQUIRE(urls.size() == 2);
  CHECK(urls[0].starts_with("http://127.0.0.1:"));
  CHECK(urls[1].starts_with("https://127.0.0.1:"));
  CHECK(api_client::get(urls[0] + "/healthz").status == 200);
  const auto before = ask_over_tls(urls[1], "/healthz");
  CHECK(before.status == 200);

  // First the certificate alone, which the old key does not fit.
  replace(renewed.certificate, live.certificate);
  REQUIRE(eventually([&] {
    return running.host.log_text().find("the earlier certificate stays") != std::string::npos;
  }));
  CHECK(ask_over_tls(urls[1], "/healthz").certificate == before.certificate);

  replace(renewed.key, live.key);
  REQUIRE(eventually(
      [&] { return ask_over_tls(urls[1], "/healthz").certificate != before.certificate; }));
  CHECK(ask_over_tls(urls[1], "/healthz").status == 200);
}

TEST_CASE("a certificate that is none stops the start with one clear line", "[api]") {
  const turntest::TempDir directory;
  const auto files = turntest::make_certificate(directory.path());
  const std::string text = "[broker.http]\nlisten_tls = \"127.0.0.1:0\"\ncertificate = \"" +
                           files.key.string() + "\"\nprivate_key = \"" + files.key.string() +
                           "\"\n";
  CHECK_THROWS_WITH(RunningBroker(text), Catch::Matchers::StartsWith("HTTP API: certificate ") &&
                                             Catch::Matchers::Contains(files.key.string()));
}

TEST_CASE("a certificate that is missing stops a start, but no reload", "[api]") {
  const turntest::TempDir directory;
  const auto files = turntest::make_certificate(directory.path());
  const auto text = [&](const std::string& thresholds) {
    return "thresholds = " + thresholds +
           "\n[broker.http]\nlisten_tls = \"127.0.0.1:0\"\ncertificate = \"" +
           files.certificate.string() + "\"\nprivate_key = \"" + files.key.string() + "\"\n";
  };
  RunningBroker running(text("[50]"));
  const auto url = running.broker().api_urls().at(0);
  const auto before = ask_over_tls(url, "/healthz");

  std::filesystem::rename(files.certificate, directory.path() / "aside");
  running.write_config(text("[60]"));
  REQUIRE(eventually([&] {
    return running.host.log_text().find("the certificate in use stays") != std::string::npos;
  }));
  REQUIRE(eventually([&] {
    const auto standing = running.broker().board().get();
    return standing->config->thresholds == std::vector<std::uint32_t>{60};
  }));
  CHECK(ask_over_tls(url, "/healthz").certificate == before.certificate);
  std::filesystem::rename(directory.path() / "aside", files.certificate);
  CHECK(ask_over_tls(url, "/healthz").certificate == before.certificate);

  running.stop();
  std::filesystem::remove(files.certificate);
  CHECK_THROWS_WITH(running.start(), Catch::Matchers::Contains("broker.http.certificate: ") &&
                                         Catch::Matchers::Contains("cannot be read"));
}
