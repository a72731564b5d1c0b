// One relay of the simulated fleet: a machine, and on it now and then a process, which is the plugin's
// own code for accounts, meters, credit and settlement between a simulated host and a simulated store.
// Owner: Fleet. Threads: one; what relay threads and the broker thread do comes in any order.
//
// What belongs to the broker but not to those parts is done here as plugin/broker/serve.cpp does it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simulation/process.h"

namespace simulation {

class Relay {
 public:
  Relay(Place place, std::string id, const std::string& directory);

  [[nodiscard]] bool runs() const { return process_ != nullptr; }
  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool is_reachable() const { return reachable_; }
  [[nodiscard]] MachineClock& clock() { return clock_; }

  /// Settles what an earlier process left and starts another. False: the store did not answer.
  bool start(const Limits& limits);
  /// kill -9. Perhaps the whole machine, which then comes back as if after a reboot.
  void crash(bool machine);
  /// Ends as a service does. False: it is gone, but the next start has to settle.
  bool stop();
  void set_reachable(bool reachable);
  /// Nobody sends anything for a while.
  void be_quiet(std::int64_t ms) { quiet_until_ms_ = place_.world.now_ms() + ms; }
  [[nodiscard]] bool is_quiet() const { return place_.world.now_ms() < quiet_until_ms_; }

 private:
  Place place_;
  std::string id_;
  std::string path_;
  MachineClock clock_;
  std::uint64_t boots_ = 1;
  std::int64_t quiet_until_ms_ = 0;
  bool reachable_ = true;
  /// As plugin/ledger/ended_lives.h keeps them.
  std::map<std::uint64_t, std::vector<broker::UsageReport>> ended_{};
  bool left_table_ = false;
  std::unique_ptr<Process> process_;
};

}  // namespace simulation
