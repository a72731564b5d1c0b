// What the tests of the control interface share: a broker that only remembers what it was asked, a
// control server for it on a thread of its own, raw requests to it, and a temporary directory.
// Owner: each test. Threads: as said at each type.
#pragma once

#include <event2/thread.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ctl/control.h"
#include "ctl/control_server.h"
#include "http/handles.h"
#include "raw_client.h"
#include "support/temp_dir.h"
#include "unique_fd.h"

namespace ctl_test {

using Clock = std::chrono::steady_clock;
using raw::Client;
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
  std::vector<plugin::RelayView> fleet;
  plugin::LedgerUsage ledger;
  plugin::LedgerCheck check;
  plugin::MetricsView numbers;
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
    return broker::IssuedCredentials{.client_id = "tb1.abc.AAAAAAAAAAAAAAAAAAAAAA",
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
  broker::Result<plugin::DrainStatus> drain(const plugin::DrainRequest& request) override {
    note("drain " + std::to_string(request.deadline_s) + (request.stay ? " stay" : ""));
    if (!error.empty()) return broker::Error{error};
    return plugin::DrainStatus{
        .draining = true,
        .stay = request.stay,
        .until_s = request.deadline_s == 0 ? 0 : 1'790'000'000 + request.deadline_s,
        .allocations = 3};
  }
  broker::Result<plugin::DrainStatus> undrain() override {
    note("undrain");
    if (!error.empty()) return broker::Error{error};
    return plugin::DrainStatus{};
  }
  plugin::BrokerStatus status() override {
    note("status");
    return state;
  }
  std::vector<plugin::RelayView> relays() override {
    note("relays");
    return fleet;
  }
  void ledger_usage(const plugin::LedgerQuery& query, Later<plugin::LedgerUsage> done) override {
    note("ledger usage " + (query.csp.empty() ? "*" : query.csp) +
         (query.clients ? " clients" : ""));
    if (!error.empty()) return done(broker::Error{error});
    done(ledger);
  }
  void check_ledger(const std::string& csp, Later<plugin::LedgerCheck> done) override {
    note("check ledger " + (csp.empty() ? "*" : csp));
    if (!error.empty()) return done(broker::Error{error});
    done(check);
  }
  plugin::MetricsView metrics() override {
    note("metrics");
    return numbers;
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

/// One request on a connection of its own; the whole answer.
inline std::string ask(const std::string& path, std::string_view request) {
  Client client(path);
  client.send(request);
  return client.receive_until_closed();
}

inline std::string get_status(const std::string& path) {
  return ask(path, "GET /v1/admin/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

}  // namespace ctl_test
