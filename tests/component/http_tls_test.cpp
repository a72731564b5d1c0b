// The HTTP server over TLS.
#include <openssl/err.h>

#include <fstream>

#include "http_fixture.h"
#include "support/wait_until.h"

using namespace http_test;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
using plugin::http::TlsContext;

namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// A blocking client whose socket has deadlines.
class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, int version_max = TLS1_3_VERSION,
                     std::string_view protocols = {})
      : socket_(port), context_(SSL_CTX_new(TLS_client_method())) {
    const timeval time{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(socket_.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    SSL_CTX_set_security_level(context_.get(), 0);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.descriptor());
    if (!protocols.empty())
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
    connected_ = SSL_connect(ssl_.get()) == 1;
    ERR_clear_error();
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] std::string protocol() const {
    const unsigned char* chosen = nullptr;
    unsigned octets = 0;
    SSL_get0_alpn_selected(ssl_.get(), &chosen, &octets);
    return {reinterpret_cast<const char*>(chosen), octets};
  }
  [[nodiscard]] std::string certificate() const {
    X509* shown = SSL_get1_peer_certificate(ssl_.get());
    REQUIRE(shown != nullptr);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned octets = 0;
    X509_digest(shown, EVP_sha256(), digest.data(), &octets);
    X509_free(shown);
    return {reinterpret_cast<const char*>(digest.data()), octets};
  }
  void send(std::string_view text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
  }
  std::string receive_until(std::string_view part) {
    std::string text;
    std::array<char, 65536> chunk{};
    while (text.find(part) == std::string::npos) {
      const int got = SSL_read(ssl_.get(), chunk.data(), chunk.size());
      if (got <= 0) throw std::runtime_error("the server closed; it sent: " + text);
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
  /// Until the server says goodbye in TLS; throws when it does not.
  std::string receive_until_closed() {
    std::string text;
    std::array<char, 65536> chunk{};
    int got = 0;
    while ((got = SSL_read(ssl_.get(), chunk.data(), chunk.size())) > 0)
      text.append(chunk.data(), static_cast<std::size_t>(got));
    if (SSL_get_error(ssl_.get(), got) != SSL_ERROR_ZERO_RETURN)
      throw std::runtime_error("the server ended without a goodbye; it sent: " + text);
    return text;
  }

 private:
  Client socket_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  turntest::SslPtr ssl_;
  bool connected_ = false;
};

struct Served {
  explicit Served(const Limits& limits = {}, Router router = hello_router())
      : files(turntest::make_certificate(directory.path())), server(std::move(router), limits) {
    server.use_tls(files);
  }
  void check_it_still_answers() const {
    TlsClient client(server.tls_port());
    REQUIRE(client.connected());
    client.send("GET /who HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK_THAT(client.receive_until_closed(), EndsWith("\r\n\r\n127.0.0.1 secure"));
  }
  turntest::TempDir directory;
  turntest::CertificateFiles files;
  TestServer server;
};

void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path) << text;
}

std::string load_error(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  const auto loaded = TlsContext::load(certificate.string(), key.string());
  return loaded ? "" : loaded.error().message;
}

}  // namespace

TEST_CASE("requests over TLS are answered, kept alive and pipelined", "[http]") {
  const Served served;
  served.check_it_still_answers();
  TlsClient client(served.server.tls_port());
  REQUIRE(client.connected());
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(requests + "GET /who HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string text = client.receive_until_closed();
  std::size_t answers = 0;
  for (std::size_t at = 0; (at = text.find("\r\n\r\nhello", at)) != std::string::npos; ++at)
    ++answers;
  CHECK(answers == 50);
  const std::string body(60'000, 'b');
  TlsClient large(served.server.tls_port());
  large.send("POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n");
  large.send(body);
  CHECK(large.receive_until_closed().ends_with("\r\n\r\n" + body));
}

TEST_CASE("TLS is 1.2 at least, with forward secrecy, and speaks http/1.1", "[http]") {
  const Served served;
  CHECK_FALSE(TlsClient(served.server.tls_port(), TLS1_1_VERSION).connected());
  const TlsClient old(served.server.tls_port(), TLS1_2_VERSION);
  REQUIRE(old.connected());
  CHECK_THAT(SSL_get_cipher_name(old.ssl()), StartsWith("ECDHE-"));
  const std::string_view both{"\x02h2\x08http/1.1"};
  const TlsClient browser(served.server.tls_port(), TLS1_3_VERSION, both);
  REQUIRE(browser.connected());
  CHECK(browser.protocol() == "http/1.1");
  CHECK_FALSE(TlsClient(served.server.tls_port(), TLS1_3_VERSION, both.substr(0, 3)).connected());
}

TEST_CASE("a new certificate is for new connections, and old ones go on", "[http]") {
  Served served;
  TlsClient before(served.server.tls_port());
  REQUIRE(before.connected());
  const turntest::TempDir other;
  served.server.use_tls(turntest::make_certificate(other.path()));
  TlsClient after(served.server.tls_port());
  REQUIRE(after.connected());
  CHECK(before.certificate() != after.certificate());
  before.send("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK_THAT(before.receive_until_closed(), EndsWith("\r\n\r\nhello"));
}

TEST_CASE("a server without a certificate closes what comes over TLS", "[http]") {
  const TestServer server(hello_router());
  CHECK_FALSE(TlsClient(server.tls_port()).connected());
  CHECK_THAT(get(server.port(), "/hello"), EndsWith("hello"));
}

TEST_CASE("half a TLS handshake ends with the request's time and counts meanwhile", "[http]") {
  Limits limits = with_time(400);
  limits.connections_max = 2;
  limits.connections_excess_max = 1;
  const Served served(limits);
  const auto start = Clock::now();
  Client silent(served.server.tls_port());
  Client half(served.server.tls_port());
  half.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  TlsClient refused(served.server.tls_port());
  refused.send("GET /hello HTTP/1.1\r\n\r\n");
  CHECK_THAT(refused.receive_until_closed(), StartsWith("HTTP/1.1 503"));
  CHECK(silent.receive_until_closed().empty());
  CHECK(half.receive_until_closed().empty());
  CHECK(Clock::now() - start >= milliseconds(350));
  CHECK(Clock::now() - start < milliseconds(3000));
  served.check_it_still_answers();
}

TEST_CASE("what is no TLS ends the connection", "[http]") {
  const Served served;
  Client plain(served.server.tls_port());
  plain.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK_NOTHROW(plain.receive_until_closed());
  // An alert, whole, and then nothing.
  Client alert(served.server.tls_port());
  alert.send(std::string_view("\x15\x03\x01\x00\x02\x02\x28", 7));
  CHECK_NOTHROW(alert.receive_until_closed());
  served.check_it_still_answers();
}

TEST_CASE("large bodies and bad requests over TLS are refused with a problem", "[http]") {
  const Served served;
  TlsClient large(served.server.tls_port());
  large.send("POST /echo HTTP/1.1\r\nContent-Length: 64000000\r\n\r\n");
  CHECK_THAT(large.receive_until_closed(),
             StartsWith("HTTP/1.1 413") && Contains("application/problem+json"));
  TlsClient bad(served.server.tls_port());
  bad.send("garbage\r\n\r\n");
  CHECK_THAT(bad.receive_until_closed(), StartsWith("HTTP/1.1 400"));
  served.check_it_still_answers();
}

TEST_CASE("a stream over TLS is written, and closed with a goodbye", "[http]") {
  std::shared_ptr<plugin::http::StreamWriter> stream;
  Router router = hello_router();
  router.add_stream("GET", "/stream", [&](const Request&) {
    return std::variant<Response, plugin::http::Streaming>(plugin::http::Streaming{
        .content_type = "text/event-stream", .headers = {}, .opened = [&](auto writer) {
          stream = std::move(writer);
          stream->write(": hello\n\n");
        }});
  });
  Served served({}, std::move(router));
  TlsClient client(served.server.tls_port());
  client.send("GET /stream HTTP/1.1\r\n\r\n");
  client.receive_until(": hello\n\n");
  served.server.on_loop([&] {
    CHECK(stream->write("data: 1\n\n"));
    stream->close();
  });
  CHECK_THAT(client.receive_until_closed(), Contains("data: 1\n\n"));
}

TEST_CASE("an error about certificates names the file and the reason", "[http]") {
  const turntest::TempDir directory;
  const turntest::TempDir elsewhere;
  const auto files = turntest::make_certificate(directory.path());
  const auto other = turntest::make_certificate(elsewhere.path());
  CHECK(load_error(files.certificate, files.key).empty());
  const auto missing = directory.path() / "missing.pem";
  CHECK(load_error(missing, files.key) ==
        "certificate " + missing.string() + ": No such file or directory");
  CHECK(load_error(files.certificate, missing) ==
        "private_key " + missing.string() + ": No such file or directory");
  const auto garbage = directory.path() / "garbage.pem";
  write(garbage, "garbage\n");
  CHECK(load_error(garbage, files.key) ==
        "certificate " + garbage.string() + ": holds no such PEM block");
  CHECK(load_error(files.certificate, garbage) ==
        "private_key " + garbage.string() + ": holds no such PEM block");
  CHECK(load_error(files.certificate, other.key) ==
        "private_key " + other.key.string() + ": does not belong to the certificate");
}
