// A run: relays that share accounts through one store, and what happens to them.
// Owner: the test. Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simulation/relay.h"
#include "simulation/scenario.h"
#include "support/temp_dir.h"

namespace simulation {

class Fleet {
 public:
  explicit Fleet(const Scenario& scenario);

  void note_details() { world_.note_details(); }
  /// All steps, then healing. Throws Violation.
  void run();
  [[nodiscard]] std::uint64_t relayed() const { return truth_.relayed(); }
  /// The most that was forgotten of any account.
  [[nodiscard]] std::uint64_t forgotten() const;
  [[nodiscard]] std::uint64_t exhausted_accounts() const;
  [[nodiscard]] std::uint64_t last_places() const { return truth_.last_places(); }
  [[nodiscard]] std::string trace() const { return world_.trace(); }

 private:
  [[nodiscard]] std::uint64_t highest(std::size_t quota) const { return highest_[quota]; }
  [[nodiscard]] std::uint32_t highest_allocations(std::size_t quota) const;
  /// After anything that changes which limits running relays have.
  void compare_limits();
  void step();
  void make_trouble();
  void trouble_with(Relay& relay);
  void trouble_with_store();
  void change_limits();
  /// A message to every relay, which may miss it.
  void publish(const std::function<void(Process&)>& message);
  void start(Relay& relay);
  void tick(std::size_t at);
  void begin_snapshots();
  void let_pass(std::int64_t ms);
  void heal();

  Scenario scenario_;
  World world_;
  Truth truth_;
  Store store_;
  turntest::TempDir directory_;
  std::vector<std::unique_ptr<Relay>> relays_;
  Limits limits_;  ///< what the configuration says by now
  std::array<std::uint64_t, Process::quotas> highest_{};
  bool healing_ = false;
};

}  // namespace simulation
