// What the tests of the HTTP server share: a server on loopback TCP with a thread of its own, and what
// raw clients ask it. Everything has a deadline.
// Owner: each test. Threads: as said at each type.
#pragma once

#include <arpa/inet.h>
#include <event2/thread.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "http/handles.h"
#include "http/server.h"
#include "raw_client.h"
#include "support/certificate.h"
#include "support/temp_dir.h"
#include "support/tls.h"
#include "unique_fd.h"

namespace http_test {

using Clock = std::chrono::steady_clock;
using plugin::http::Limits;
using plugin::http::Request;
using plugin::http::Response;
using plugin::http::Router;
using raw::Client;
using raw::loopback;
using std::chrono::milliseconds;

/// A listening socket at a port of the system's choice; with IPv6, one that takes IPv4 too.
inline plugin::UniqueFd listen_on_loopback(std::uint16_t& port, bool ipv6 = false) {
  plugin::UniqueFd fd(
      ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  if (ipv6) {
    const int no = 0;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    reinterpret_cast<sockaddr_in6&>(storage).sin6_family = AF_INET6;
    size = sizeof(sockaddr_in6);
  } else {
    reinterpret_cast<sockaddr_in&>(storage) = loopback("127.0.0.1", 0);
    reinterpret_cast<sockaddr_in&>(storage).sin_addr.s_addr = htonl(INADDR_ANY);
  }
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 ||
      ::listen(fd.get(), 1024) != 0)
    throw std::runtime_error("cannot listen on loopback");
  size = sizeof storage;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size);
  port = ntohs(ipv6 ? reinterpret_cast<sockaddr_in6&>(storage).sin6_port
                    : reinterpret_cast<sockaddr_in&>(storage).sin_port);
  return fd;
}

/// Serves until the object goes. Made and used on the test's thread; handlers run on its own.
class TestServer {
 public:
  explicit TestServer(Router router, const Limits& limits = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    evthread_use_pthreads();
    base_.reset(event_base_new());
    server_ = std::make_unique<plugin::http::Server>(base_.get(), std::move(router), limits);
    started(server_->serve(listen_on_loopback(port_)));
    started(server_->serve_tls(listen_on_loopback(tls_port_)));
    thread_ = std::thread([this] { event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY); });
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer() {
    if (thread_.joinable()) {
      event_base_loopexit(base_.get(), nullptr);
      thread_.join();
    }
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint16_t tls_port() const { return tls_port_; }
  [[nodiscard]] std::uint16_t serve_ipv6() {
    std::uint16_t port = 0;
    on_loop([&] { started(server_->serve(listen_on_loopback(port, true))); });
    return port;
  }

  /// Runs `work` on the server's thread, and waits for it.
  void on_loop(const std::function<void()>& work) {
    Job job{work, {}};
    event_base_once(base_.get(), -1, EV_TIMEOUT, run, &job, nullptr);
    if (job.done.get_future().wait_for(std::chrono::seconds(10)) != std::future_status::ready)
      std::abort();  // the job is on our stack
  }
  void use_tls(const turntest::CertificateFiles& files) {
    auto loaded = plugin::http::TlsContext::load(files.certificate.string(), files.key.string());
    if (!loaded) throw std::runtime_error(loaded.error().message);
    on_loop([&] { server_->use_tls(std::move(loaded).value()); });
  }
  void set_limits(const Limits& limits) {
    on_loop([&] { server_->set_limits(limits); });
  }
  /// Destroys the server where its loop runs, which runs on.
  void destroy_server() {
    on_loop([&] { server_.reset(); });
  }

 private:
  struct Job {
    std::function<void()> work;
    std::promise<void> done;
  };
  static void run(evutil_socket_t, short, void* argument) {
    auto& job = *static_cast<Job*>(argument);
    job.work();
    job.done.set_value();
  }
  static void started(const broker::Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
  }

  plugin::http::EventBaseHandle base_;
  std::unique_ptr<plugin::http::Server> server_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::thread thread_;
};

/// One request on a connection of its own; the whole answer.
inline std::string ask(std::uint16_t port, std::string_view request,
                       const std::string& from = "127.0.0.1") {
  Client client(port, from);
  client.send(request);
  return client.receive_until_closed();
}

inline std::string get(std::uint16_t port, const std::string& path,
                       const std::string& from = "127.0.0.1") {
  return ask(port, "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", from);
}

/// "/hello" says hello; "/echo" says what it got.
inline Router hello_router() {
  Router router;
  router.add("GET", "/hello",
             [](const Request&) { return Response{.headers = {}, .body = "hello"}; });
  router.add("POST", "/echo", [](const Request& request) {
    return Response{.content_type = "text/plain", .headers = {}, .body = request.body};
  });
  router.add("GET", "/who", [](const Request& request) {
    return Response{.headers = {},
                    .body = request.remote_address + (request.secure ? " secure" : " plain")};
  });
  return router;
}

inline Limits with_time(int ms) {
  Limits limits;
  limits.request_time = milliseconds(ms);
  return limits;
}

}  // namespace http_test
