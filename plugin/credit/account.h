// An account as this relay holds it: the pool of granted credit its allocations draw slices from.
// Owner: the broker (AccountBook). Threads: relay threads draw and return; the broker thread alone
// changes `stage`, limits and grants. No locks.
//
// Credit is conserved: granted == charged use + pool + credit in the allocations' meters (+ at most
// one packet per relay thread that is between the two).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "broker/account.h"
#include "broker/config.h"
#include "credit/places.h"

namespace plugin {

/// How an account gives credit now.
enum class Stage : std::uint8_t {
  open,       ///< in slices
  last,       ///< the ledger has no more: packet by packet, so that nothing is stranded
  exhausted,  ///< nothing: allocations are being cut, new ones get 486
  closed,     ///< the CSP or its quota is gone from the configuration: as exhausted
  halted,     ///< the ledger was out of reach for longer than grants are valid: as exhausted
  over        ///< its period has ended: allocations move to the successor
};

/// Whether an account gives no credit and takes no allocation.
constexpr bool refuses(Stage stage) {
  return stage == Stage::exhausted || stage == Stage::closed || stage == Stage::halted;
}

/// The stage, and a count of its changes for whoever wants to know that there was one.
class StageCell {
 public:
  [[nodiscard]] Stage load(std::memory_order order = std::memory_order_seq_cst) const {
    return stage_.load(order);
  }
  /// The broker thread alone.
  void store(Stage stage, std::memory_order order = std::memory_order_seq_cst) {
    if (changes_ != nullptr && stage != stage_.load(std::memory_order_relaxed)) ++*changes_;
    stage_.store(stage, order);
  }
  void count_in(std::uint64_t& changes) { changes_ = &changes; }

 private:
  std::atomic<Stage> stage_{Stage::open};
  std::uint64_t* changes_ = nullptr;
};

struct Account {
  Account(broker::AccountKey account_key, std::uint32_t slot_index)
      : key(std::move(account_key)), slot(slot_index) {}

  const broker::AccountKey key;
  const std::uint32_t slot;  ///< its AccountSlot's index
  /// What its allocations take places of; nullptr: any number of them. Set once, before relay threads
  /// know the account.
  Places* places = nullptr;

  // Relay threads read and write.
  alignas(64) std::atomic<std::int64_t> pool{0};
  std::atomic<std::uint32_t> live{0};  ///< allocations that draw from it
  std::atomic<bool> refill_asked{false};
  std::atomic<std::uint64_t> refused_octets{
      0};                          ///< in Stage::last: size of a packet that did not fit
  std::atomic<bool> ready{false};  ///< has had its first answer from the ledger

  // The broker thread writes, relay threads read.
  alignas(64) StageCell stage;
  std::atomic<std::uint64_t> limit_octets{0};
  std::atomic<std::int64_t> low_water{0};  ///< ask for a refill when the pool falls below it
  std::atomic<std::uint64_t> rate_octets_per_s{0};  ///< per allocation; 0: no limit
  std::atomic<std::uint32_t> charged_directions{3};
  std::atomic<Account*> successor{nullptr};  ///< set before Stage::over

  // The broker thread only.
  bool active = false;                     ///< AccountBook::for_each_active visits it
  std::uint64_t granted_octets = 0;        ///< cumulative in this incarnation
  bool was_granted = false;                ///< the ledger has a row of it
  std::uint64_t limit_highest_octets = 0;  ///< that it was configured with
  std::uint64_t remaining_octets = 0;      ///< the ledger could still grant, at its last answer
  broker::UsedTotals others;               ///< other incarnations' use, at its last answer
  std::uint64_t others_charged_octets = 0;
  std::uint64_t reported_octets = 0;           ///< all directions, when it last reported
  std::uint64_t unspent_by_others_octets = 0;  ///< at the ledger's last answer
  std::uint32_t holders = 0;                   ///< other relays that hold some of that
  bool asking = false;                         ///< a report is on its way, or its answer
  bool must_report = false;  ///< though nothing was used: a grant was given back, or forgotten
  /// Steady; a ledger that forgot has to be told of it by then, or it may grant what this account holds to
  /// others; 0: it knows.
  std::int64_t retell_by_ms = 0;
  bool tell_in_round = false;      ///< alike, but the ledger need not know at once
  bool dry_asked = false;          ///< that report tells of a packet that did not fit
  bool dry_answered = false;       ///< the ledger has answered since then
  bool lowered = false;            ///< the limit was, and the ledger has not answered since then
  bool learning = false;           ///< the ledger grants nothing yet, at its last answer
  std::int64_t ask_at_ms = 0;      ///< steady; not before
  std::int64_t recall_end_ms = 0;  ///< steady; waiting for what others give back; 0: not
  std::int64_t exhausted_heard_ms = 0;  ///< steady; another relay told that nothing is left
  double octets_per_s = 0;              ///< measured
  std::uint64_t measured_octets = 0;
  std::int64_t measured_at_ms = 0;
  std::int64_t idle_since_ms = 0;
  broker::Period period;
  broker::PeriodKind period_kind = broker::PeriodKind::total;
  /// Its charged use in the whole fleet, as other threads were told last.
  std::shared_ptr<std::atomic<std::uint64_t>> told_used =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::uint64_t unpublished = 0;  ///< Stage::over: snapshots from this version on do not name it
};

/// What the pool holds. [any]
[[nodiscard]] inline std::uint64_t unspent_of(const Account& account) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(account.pool.load(), 0));
}

/// Draws between `least` and `most` octets from the pool, all that is there if that is in between;
/// 0 when there is less than `least`. [any]
[[nodiscard]] std::int64_t draw(Account& account, std::int64_t least, std::int64_t most);

/// Puts credit back. [any]
void put_back(Account& account, std::int64_t octets);

}  // namespace plugin
