// A simulated relay: the plugin's own parts (meter table, accounts, settler, Redis ledger and client,
// registry, fleet bus, usage teller, usage records) and calls that spend what they are granted. The
// packets are not made one by one: once a second each call is charged for what it relayed meanwhile.
// Owner: FleetRun. Threads: the one that runs the event base.
//
// Why not the broker itself: a thousand of them in one process would be some thousands of threads, and
// ten million accounts, as each broker holds all that are configured. Here an account is taken up with
// its first call on the relay. What this leaves out is the start of a relay, when it tells the ledger of
// each configured account once.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/account_book.h"
#include "broker/fleet_bus.h"
#include "broker/idle_accounts.h"
#include "broker/record_stream.h"
#include "broker/settler.h"
#include "broker/usage_teller.h"
#include "counted_ledger.h"
#include "ctl/control.h"
#include "fleet/registry.h"
#include "ledger/redis_ledger.h"
#include "measured.h"
#include "records/record_writer.h"
#include "traffic_mix.h"

namespace fleet_bench {

/// What all relays of a run share. All borrowed.
struct Place {
  event_base* base;
  const plugin::Clock& clock;
  const plugin::Host& host;
  const broker::RedisConfig& redis;
  const TrafficMix& mix;
  Measured& measured;
  std::string directory;          ///< each relay makes its own there
  std::int64_t spread_ms;         ///< the calls that are there at the start begin within this time
  std::set<std::string> without;  ///< parts that are left out: "registry", "usage", "records"
};

class SimRelay {
 public:
  /// Visits a second: each serves the calls of its part of the second.
  static constexpr std::size_t visits_per_s = 20;
  static constexpr std::int64_t revocations_interval_ms =
      30'000;  ///< as in plugin/broker/ledgers.cpp

  SimRelay(const Place& place, std::size_t number, std::uint64_t seed);
  ~SimRelay();
  SimRelay(const SimRelay&) = delete;
  SimRelay& operator=(const SimRelay&) = delete;

  void visit(std::int64_t now_ms, std::size_t part);
  /// The ledger knows of it, and it has calls.
  [[nodiscard]] bool is_running() const { return running_; }
  /// Ends all calls and the incarnation.
  void finish(std::function<void(broker::Status)> done);
  void ask_usage(std::function<void(broker::Result<std::vector<broker::AccountUsage>>)> done) {
    ledger_.usage(0, std::move(done));
  }

 private:
  struct Call {
    plugin::AllocationSlot* slot = nullptr;
    plugin::Account* account = nullptr;
    std::uint32_t call_class = 0;
    std::int64_t charged_ms = 0;
    std::int64_t end_ms = 0;
    std::array<double, 2> owed_octets{};  ///< relayed, as it were, but not charged yet
  };
  /// One that waits for its account's first grant, or for the time when it begins.
  struct Waiting {
    std::int64_t begin_ms = 0;
    std::int64_t lasts_ms = 0;
    std::size_t csp = 0;
    std::uint32_t call_class = 0;
  };

  // sim_calls.cpp: what clients and the relay's threads do
  void let_calls_be(std::int64_t now_ms);
  void let_arrive(std::int64_t now_ms);
  void begin_call(const Waiting& wanted, std::int64_t now_ms);
  void admit_waiting(std::int64_t now_ms);
  [[nodiscard]] bool open_call(plugin::Account& account, const Waiting& wanted,
                               std::int64_t now_ms);
  void serve_calls(std::vector<Call>& calls, std::int64_t now_ms);
  void charge(Call& call, std::int64_t now_ms);
  [[nodiscard]] static double affordable(const Call& call);
  void close(Call& call);

  // sim_relay.cpp: what the broker thread does, after plugin/broker/serve.cpp
  void become_known();
  void tick();
  void every_second(std::int64_t now_ms);
  void fold_closed();
  [[nodiscard]] plugin::Account& account_of(std::size_t csp, broker::MediaType media);
  void end(std::function<void(broker::Status)> done, int tries);

  // sim_telling.cpp
  void tell_fleet();
  void tell_usage(std::int64_t now_ms);
  void fetch_revocations(std::int64_t now_ms);
  [[nodiscard]] std::vector<plugin::AccountStatus> usage();
  [[nodiscard]] std::vector<plugin::AllocationStatus> allocations() const;
  [[nodiscard]] bool has(const char* part) const { return !place_.without.contains(part); }

  const Place& place_;
  std::string id_;
  std::string directory_;
  Random random_;
  plugin::MeterTable table_;
  plugin::AccountIndex index_;
  plugin::AccountBook book_;
  std::unique_ptr<plugin::redis::Client> client_;
  plugin::RedisLedger ledger_;
  CountedLedger link_;
  plugin::FleetBus bus_;
  plugin::Registry registry_;
  plugin::Settler settler_;
  plugin::IdleAccounts idle_;
  plugin::UsageTeller usage_teller_;
  std::unique_ptr<plugin::RecordWriter> records_;
  plugin::RecordStream record_stream_;

  std::array<std::vector<Call>, visits_per_s> calls_;
  std::vector<Waiting> later_;    ///< of the start, the last one begins first
  std::vector<Waiting> waiting_;  ///< for a grant
  std::uint64_t ids_ = 0;
  std::int64_t next_arrival_ms_ = 0;
  std::int64_t next_usage_ms_ = 0;
  std::int64_t next_revocations_ms_ = 0;
  std::array<std::uint64_t, 2> told_octets_{};
  std::size_t second_at_ = 0;  ///< the visit at which every_second() is due
  bool woken_ = false;
  bool unresolved_ = false;  ///< an account waits for credit
  bool running_ = false;     ///< from the ledger's first answer on
};

}  // namespace fleet_bench
