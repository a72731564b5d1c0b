// A relay thread without coturn: it does to the plugin what the host does (turn_plugin.h), so that
// the broker can be driven packet by packet, with a clock of the test's own. Owner: the test.
// Threads: one FakeRelay per thread; the FakeHost behind them is shared.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "turn_plugin.h"

namespace testing {

/// Wall time is set by the test; steady time is real.
class TestClock : public plugin::Clock {
 public:
  explicit TestClock(std::int64_t unix_s) : offset_ms_(unix_s * 1000 - steady_ms()) {}
  [[nodiscard]] std::int64_t unix_ms() const override { return offset_ms_.load() + steady_ms(); }
  void set_unix_s(std::int64_t unix_s) { offset_ms_.store(unix_s * 1000 - steady_ms()); }

 private:
  std::atomic<std::int64_t> offset_ms_;
};

/// The host's table. One at a time, as there is one host in a process.
class FakeHost {
 public:
  struct Answer {
    turn_verdict verdict;
    turn_allocation_answer answer;
  };

  FakeHost();
  ~FakeHost();
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  [[nodiscard]] const turn_host* table() const { return &table_; }
  [[nodiscard]] std::string log_text() const;
  /// Reasons of cancel_allocation, by allocation id; the first one counts.
  [[nodiscard]] std::optional<turn_close_reason> cancelled(std::uint64_t allocation_id) const;
  [[nodiscard]] std::optional<Answer> wait_for_answer(std::uint64_t request_id);
  /// Whether stop_server was called.
  [[nodiscard]] bool stop_asked() const;
  /// From now on stop_server says that the server does not run yet.
  void refuse_stop(bool refused);

 private:
  struct Slots;

  mutable std::mutex mutex_;
  std::condition_variable answered_;
  std::string log_;
  std::map<std::uint64_t, turn_close_reason> cancelled_;
  std::map<std::uint64_t, Answer> answers_;
  bool stop_asked_ = false;
  bool stop_refused_ = false;
  turn_host table_{};
};

struct FakeAllocation {
  std::uint64_t id = 0;
  turn_meter* meter = nullptr;
  std::uint64_t received[2] = {0, 0};  ///< octets that went through, by direction
};

class FakeRelay {
 public:
  FakeRelay(plugin::Broker& broker, FakeHost& host, std::uint32_t thread)
      : broker_(broker), host_(host), thread_(thread) {
    broker_.snapshots().enter(thread_);
  }
  ~FakeRelay() { broker_.snapshots().leave(thread_); }
  FakeRelay(const FakeRelay&) = delete;
  FakeRelay& operator=(const FakeRelay&) = delete;

  /// What coturn would answer to an Allocate: 0, or a STUN error code.
  int allocate(const std::string& username, const std::string& password, FakeAllocation& out,
               bool by_plugin = true);
  /// One packet, or a piece of a stream of which `useful_octets` would be of use too; false when it
  /// was not relayed.
  bool relay(FakeAllocation& allocation, turn_direction direction, std::uint64_t octets,
             std::uint64_t useful_octets = 0);
  void close(FakeAllocation& allocation, turn_close_reason reason);
  void tick() { broker_.snapshots().quiescent(thread_); }

 private:
  plugin::Broker& broker_;
  FakeHost& host_;
  std::uint32_t thread_;
};

/// A state directory with a configuration, and a broker that runs on it.
class RunningBroker {
 public:
  /// `sink`, when there is one, gets the events of every broker that is started.
  RunningBroker(const std::string& csp_toml, std::int64_t unix_s = 1'790'000'000,
                plugin::EventSink* sink = nullptr);
  ~RunningBroker();

  /// Ends it properly.
  void stop();
  void start();
  void write_config(const std::string& csp_toml);

  [[nodiscard]] plugin::Broker& broker() { return *broker_; }
  [[nodiscard]] std::filesystem::path directory() const { return directory_; }
  [[nodiscard]] std::vector<std::string> records() const;
  /// What the ledger's file says of (csp, media), summed over all incarnations and clients "".
  [[nodiscard]] broker::AccountUsage ledger(const std::string& csp, broker::MediaType media) const;

  TestClock clock;
  FakeHost host;

 private:
  std::filesystem::path directory_;
  plugin::EventSink* sink_;
  std::unique_ptr<plugin::Broker> broker_;
  std::vector<std::unique_ptr<plugin::Broker>> ended_;  ///< a FakeRelay may still name one
};

/// A CSP-minted username and its password.
struct Credentials {
  std::string username;
  std::string password;
};
[[nodiscard]] Credentials mint(const std::string& secret, const std::string& who,
                               std::int64_t expiry_s);

/// Polls until true; false after ten seconds.
template <typename Predicate>
[[nodiscard]] bool eventually(Predicate&& predicate) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!predicate()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace testing
