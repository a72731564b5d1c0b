// A server that answers as a test says, for what a real Redis does not do on demand.
// Owner: the test. Threads: one of its own serves the connections; the script
// runs there.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "unique_fd.h"

namespace redis_test {

class FakeRedis {
 public:
  using Words = std::vector<std::string>;
  /// What is sent for a command, as it goes over the wire; empty: nothing; nullopt: as a healthy master
  /// (PING, INFO, ROLE, AUTH, SELECT; +OK for all else).
  using Script = std::function<std::optional<std::string>(const Words& command)>;

  explicit FakeRedis(Script script);
  ~FakeRedis();
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Takes the place of the script from the next command on.
  void play(Script script);
  /// Commands so far whose first word is `name`.
  [[nodiscard]] std::size_t count(const std::string& name) const;
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  void serve();
  [[nodiscard]] std::string answer(const Words& command);

  mutable std::mutex mutex_;
  Script script_;                ///< guarded by mutex_
  std::vector<Words> commands_;  ///< guarded by mutex_
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<bool> stop_ = false;
  std::uint16_t port_ = 0;
  plugin::UniqueFd listener_;
  std::thread thread_;
};

}  // namespace redis_test
