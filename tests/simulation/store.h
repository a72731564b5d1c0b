// The fleet's store: the ledger model behind the rule of a store that may have forgotten, in shards,
// with a clock of its own, snapshots to fall back to, and mistakes on request.
// Owner: Fleet. Threads: one.
//
// The rule is that of plugin/ledger/lua/exchange.lua, step by step: each shard has a witness that says
// which run of a server wrote it and until when it learns. Another run, no witness, or a time further
// ahead than can be: it learns for 1.1 times the validity time, and grants nothing.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "simulation/scenario.h"
#include "simulation/truth.h"
#include "simulation/world.h"
#include "support/model_ledger.h"
#include "support/model_places.h"

namespace simulation {

class Store {
 public:
  static constexpr std::size_t shards = 2;
  struct Answer {
    std::vector<broker::Grant> grants{};
    std::vector<broker::PlacesAnswer> places{};
    std::string epoch{};
  };

  Store(World& world, Truth& truth, Fault fault);

  /// What exchange() answers as the epoch, looked at only.
  [[nodiscard]] std::string witness(std::size_t shard) const;
  [[nodiscard]] static std::size_t shard_of(broker::MediaType media);
  broker::Result<Answer> exchange(std::size_t shard, const broker::Incarnation& who,
                                  std::vector<broker::UsageReport> reports);
  broker::Result<Answer> exchange_places(std::size_t shard, const broker::Incarnation& who,
                                         std::vector<broker::PlacesReport> reports);
  broker::Status end(const broker::Incarnation& who,
                     const std::vector<broker::UsageReport>& last_reports);
  broker::Status write_off(const broker::Incarnation& who);
  [[nodiscard]] std::vector<broker::Incarnation> open_incarnations(const std::string& relay_id);
  [[nodiscard]] std::vector<broker::AccountUsage> usage();
  /// Places, by anybody.
  [[nodiscard]] std::uint64_t held_places() const;
  [[nodiscard]] broker::Share share_of(const broker::Incarnation& who,
                                       const broker::AccountKey& account) const;

  [[nodiscard]] bool is_up() const { return world_.now_ms() >= up_again_ms_; }
  /// Connections are to one run of a server.
  [[nodiscard]] std::uint64_t run() const { return run_; }

  void take_snapshot();
  /// A successor that lacks what came in the last `lost_ms`.
  void fail_over(std::int64_t lost_ms, std::int64_t down_ms);
  /// The same data, or none.
  void restart(bool keeps_data, std::int64_t down_ms);
  /// All data is gone; connections stay.
  void flush();
  /// Never ahead by more than the rule's margin while a shard learns, but for the planted fault.
  void set_clock(std::int64_t wall_ahead_ms);

 private:
  struct Shard {
    broker::ModelLedger ledger{};
    broker::ModelPlaces places{};
    std::uint64_t witness_run = 0;
    std::int64_t learn_until_ms = 0;
  };
  using Data = std::array<Shard, shards>;

  [[nodiscard]] std::int64_t time_ms() const { return world_.now_ms() + wall_ahead_ms_; }
  std::int64_t learning_ms(Shard& shard) const;
  void new_run(std::int64_t down_ms);
  void forgot();
  void plant(std::vector<broker::UsageReport>& reports);

  World& world_;
  Truth& truth_;
  Fault fault_;
  Data data_;
  std::deque<std::pair<std::int64_t, Data>> snapshots_;
  std::uint64_t run_ = 1;
  std::int64_t wall_ahead_ms_ = 0;
  std::int64_t up_again_ms_ = 0;
};

}  // namespace simulation
