// What the tests of the control interface share: a broker that only remembers what it was asked, a
// control server for it on a thread of its own, raw connections to it, and a temporary directory.
// Owner: each test. Threads: as said at each type.
#pragma once

#include <event2/thread.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ctl/control.h"
#include "ctl/control_server.h"
#include "http/handles.h"
#include "support/temp_dir.h"
#include "unique_fd.h"

namespace ctl_test {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

inline plugin::AccountStatus account(const std::string& csp, broker::MediaType media,
                                     const std::string& client = {}) {
  plugin::AccountStatus out;
  out.csp = csp;
  out.media = media;
  out.period = "2026-11";
  out.client = client;
  return out;
}

inline plugin::AllocationStatus allocation(const std::string& id, const std::string& csp,
                                           const std::string& client) {
  plugin::AllocationStatus out;
  out.id = id;
  out.csp = csp;
  out.client = client;
  out.transport = "udp";
  out.start_s = 1'790'000'000;
  return out;
}

/// Answers with what the test put into it before the server started; its log may be read at any
/// time.
class FakeControl : public plugin::Control {
 public:
  std::vector<plugin::AccountStatus> accounts;
  std::vector<plugin::AllocationStatus> live;
  plugin::BrokerStatus state;
  std::string error;  ///< not empty: everything that can fail does, with this
  bool throws = false;

  [[nodiscard]] std::vector<std::string> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  broker::Result<std::vector<plugin::AccountStatus>> usage(const std::optional<std::string>& csp,
                                                           bool clients) override {
    note("usage " + csp.value_or("*") + (clients ? " clients" : ""));
    if (throws) throw std::runtime_error("a secret detail");
    if (!error.empty()) return broker::Error{error};
    return accounts;
  }
  std::vector<plugin::AllocationStatus> allocations(
      const std::optional<std::string>& csp) override {
    note("allocations " + csp.value_or("*"));
    return live;
  }
  broker::Result<std::uint64_t> cut(const plugin::CutTarget& target) override {
    note("cut id=" + target.id + " csp=" + target.csp + " client=" + target.client);
    if (!error.empty()) return broker::Error{error};
    return std::uint64_t{target.id.empty() ? 3U : 1U};
  }
  broker::Result<broker::IssuedCredentials> credentials(const std::string& csp,
                                                        broker::MediaType media,
                                                        const std::string& client,
                                                        std::int64_t ttl_s) override {
    note("credentials " + csp + " " + std::string(broker::to_string(media)) + " " + client + " " +
         std::to_string(ttl_s));
    if (!error.empty()) return broker::Error{error};
    return broker::IssuedCredentials{.client_id = "tb1.abc",
                                     .username = "1790000000:tb1.abc",
                                     .password = broker::Secret("cGFzc3dvcmQ="),
                                     .ttl_s = ttl_s == 0 ? 3600 : ttl_s,
                                     .uris = {"turn:relay.example:3478", "turns:relay.example"}};
  }
  broker::Result<std::uint64_t> revoke(const std::string& who, const std::string& csp) override {
    note("revoke who=" + who + " csp=" + csp);
    if (!error.empty()) return broker::Error{error};
    return std::uint64_t{2};
  }
  broker::Status reload() override {
    note("reload");
    if (!error.empty()) return broker::Error{error};
    return broker::Nothing{};
  }
  plugin::BrokerStatus status() override {
    note("status");
    return state;
  }

 private:
  void note(std::string call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
};

/// A control server on a libevent base that a thread of its own runs until the object goes.
class RunningServer {
 public:
  RunningServer(plugin::Control& control, const std::string& path,
                const plugin::http::Limits& limits = {}) {
    ::signal(SIGPIPE, SIG_IGN);
    evthread_use_pthreads();
    base_.reset(event_base_new());
    auto started = plugin::ControlServer::start(base_.get(), control, path, limits);
    if (!started) throw std::runtime_error(started.error().message);
    server_ = std::move(started).value();
    thread_ = std::thread([this] { event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY); });
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;
  ~RunningServer() {
    event_base_loopexit(base_.get(), nullptr);
    thread_.join();
    server_.reset();
  }

 private:
  plugin::http::EventBaseHandle base_;
  std::unique_ptr<plugin::ControlServer> server_;
  std::thread thread_;
};

/// A raw client connection. Everything has a deadline.
class Connection {
 public:
  explicit Connection(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect to " + path + ": " + std::strerror(errno));
  }

  /// How many octets the server took within `time`.
  std::size_t send(std::string_view text, milliseconds time = milliseconds(5000)) {
    const auto deadline = Clock::now() + time;
    std::size_t sent = 0;
    while (sent < text.size() && ready(POLLOUT, deadline)) {
      const ssize_t now =
          ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (now > 0) sent += static_cast<std::size_t>(now);
      if (now < 0 && errno != EAGAIN) break;
    }
    return sent;
  }

  /// What arrives until the server closes; throws when it does not within `time`.
  std::string receive_until_closed(milliseconds time = milliseconds(5000)) {
    const auto deadline = Clock::now() + time;
    std::string text;
    std::array<char, 65536> chunk{};
    while (ready(POLLIN, deadline)) {
      const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
      if (got <= 0) return text;
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    throw std::runtime_error("the server did not close the connection; it sent: " + text);
  }

  void finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }

 private:
  bool ready(short events, Clock::time_point deadline) const {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    pollfd one{.fd = fd_.get(), .events = events, .revents = 0};
    return left > 0 && ::poll(&one, 1, static_cast<int>(left)) > 0;
  }
  plugin::UniqueFd fd_;
};

/// One request on a connection of its own; the whole answer.
inline std::string ask(const std::string& path, std::string_view request) {
  Connection connection(path);
  connection.send(request);
  return connection.receive_until_closed();
}

inline std::string get_status(const std::string& path) {
  return ask(path, "GET /v1/admin/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

}  // namespace ctl_test
