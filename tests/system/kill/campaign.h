// One relay that is killed again and again, and what was relayed, received and recorded in all its
// lives. Checks with Catch's macros.
// Owner: the test. Threads: one at a time.
#pragma once

#include <array>
#include <chrono>
#include <random>
#include <set>
#include <string>

#include "broker_relay.h"
#include "flood/swarm.h"

namespace turntest {

/// When a kill comes.
enum class Moment { load, opening, reload, exhaustion, stopping, start_up, new_period };

inline constexpr std::array<std::pair<Moment, const char*>, 7> moments{{
    {Moment::load, "under load"},
    {Moment::opening, "while allocations open"},
    {Moment::reload, "around a reload"},
    {Moment::exhaustion, "around exhaustion"},
    {Moment::stopping, "while it stops"},
    {Moment::start_up, "while it starts and settles what an earlier kill left"},
    {Moment::new_period, "around a change of period, when allocations move to another account"},
}};

class Campaign {
 public:
  static constexpr int relay_threads = 4;
  static constexpr std::uint64_t payload_max_octets = 1'400;

  explicit Campaign(std::uint64_t seed);

  /// One or more kills at that moment, the restart, and the reckoning.
  void round(Moment moment);
  [[nodiscard]] int kills() const { return kills_; }
  void print_summary() const;

 private:
  // campaign.cpp
  /// Lets a random time pass. Nothing is waited for: the time is what is tested.
  void pass(std::chrono::milliseconds most);
  std::vector<MemberPlan> plans(Moment moment);
  void kill(ChildProcess& process);
  void kill_at(Moment moment, Swarm& swarm);
  void kill_starting();
  void set_limit(std::uint64_t octets);

  // reckoning.cpp
  void check(Moment moment, Swarm& swarm);
  /// Each allocation has exactly one record, which tells no less than its far ends received.
  void check_records(Moment moment, Swarm& swarm);
  void check_ledger() const;
  void check_difference();

  struct Sums {
    TrafficCount to_peer, to_client;
    [[nodiscard]] TrafficCount both() const {
      TrafficCount sum = to_peer;
      return sum += to_client;
    }
  };

  std::mt19937_64 random_;
  BrokerRelay relay_;
  Sums received_, recorded_;
  std::chrono::milliseconds start_time_{100};  ///< what a start took the last time
  int kills_ = 0;
  int kills_before_ = 0;  ///< before this round
  std::size_t records_seen_ = 0;
  std::set<std::string> allocation_names_;
  TrafficCount unsent_;                       ///< recorded, and not received
  std::uint64_t largest_unsent_packets_ = 0;  ///< of a round
  std::uint64_t limit_octets_;
};

}  // namespace turntest
