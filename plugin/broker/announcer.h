// Makes events of what happens to accounts and allocations.
// Owner: the broker. Threads: the broker thread.
//
// Accounts of single clients (per_client) make no events of their own.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "api/event.h"
#include "broker/account_book.h"
#include "broker/level.h"
#include "broker/settler.h"
#include "clock.h"
#include "meter/meter_table.h"
#include "records/usage_record.h"

namespace plugin {

class Announcer {
 public:
  /// All borrowed; `sinks` get every event, in the order it happened.
  Announcer(const Clock& clock, const AccountIndex& index, const AccountBook& book,
            Settler& settler, const std::vector<EventSink*>& sinks);

  /// The configuration is another: levels to tell, 1 .. 99 ascending. Tells the usage of every account,
  /// so that each sink knows how all of them stand. To be called before relay threads can reach new
  /// accounts: what such an account uses later is news then.
  void configure(std::vector<std::uint32_t> thresholds);

  /// Each tick, before closed allocations are folded: an account is told to be exhausted before its
  /// allocations are told to be cut. Reads all meters only when an account's standing has changed,
  /// four times a second while there are allocations, and each second.
  void look();

  /// A closed allocation is about to be folded; `record` is its usage record.
  void closed(const AllocationSlot& slot, const UsageRecord& record);

 private:
  using Name = std::pair<std::string, broker::MediaType>;
  /// What was told of (CSP, media type), whatever the period.
  struct Watched {
    broker::ToldLevel told;
    std::uint64_t used_octets = 0;
    std::uint64_t limit_octets = 0;
    std::int64_t usage_at_ms = 0;  ///< steady
    std::uint64_t round = 0;       ///< of the last refresh that saw its account
  };
  /// What the last look saw, by account slot: whether there is anything to look at costs no text.
  struct Seen {
    const Account* account = nullptr;
    std::uint64_t limit_octets = 0;
    std::uint64_t used_octets = 0;
    bool exhausted = false;
    bool usage_waits = false;  ///< its usage changed too soon after it was told
    const Watched* watched = nullptr;
    std::uint64_t level_octets = 0;  ///< the use that reaches the next threshold
  };

  [[nodiscard]] static bool is_watched(const Account& account, std::int64_t now_s);
  [[nodiscard]] bool wanted(std::int64_t now_ms) const;
  [[nodiscard]] bool has_changed() const;
  [[nodiscard]] bool all_wanted(std::int64_t now_ms) const;
  void look_at(const Account& account, std::int64_t now_ms);
  /// Nothing has changed but a use that was told lately.
  [[nodiscard]] bool can_wait(const Seen& seen, const Seen& now, std::int64_t now_ms) const;
  [[nodiscard]] std::uint64_t next_level(const Seen& now) const;
  [[nodiscard]] Seen see(const Account& account) const;
  [[nodiscard]] Event event_of(const Account& account, EventKind kind) const;
  void collect();
  void post(const Event& event) const;

  const Clock& clock_;
  const AccountIndex& index_;
  const AccountBook& book_;
  Settler& settler_;
  const std::vector<EventSink*>& sinks_;
  std::vector<std::uint32_t> thresholds_;
  std::vector<Seen> seen_;
  std::map<Name, Watched> watched_;
  std::uint64_t round_ = 0;
  bool refresh_ = true;     ///< tell every usage
  bool collected_ = false;  ///< the settler's totals are of this tick
  std::int64_t next_look_ms_ = 0;
  std::int64_t next_idle_look_ms_ = 0;
  std::uint64_t seen_changes_ = 0;  ///< AccountBook::changes() when all were looked at
};

}  // namespace plugin
