// Every account this relay knows in this incarnation.
// Owner: the broker. Threads: the broker thread; relay threads reach accounts through AccountIndex.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/client_room.h"
#include "credit/account.h"
#include "credit/account_index.h"
#include "meter/meter_table.h"

namespace plugin {

class AccountBook {
 public:
  AccountBook(MeterTable& table, AccountIndex& index) : table_(table), index_(index) {}
  AccountBook(const AccountBook&) = delete;
  AccountBook& operator=(const AccountBook&) = delete;

  [[nodiscard]] Account* find(const broker::AccountKey& key) const;
  [[nodiscard]] Account* at(std::uint32_t slot) const { return index_.at(slot); }

  /// A new account, known to relay threads by its slot from now on; nullptr when the table is full.
  [[nodiscard]] Account* add(const broker::AccountKey& key, broker::PeriodKind kind,
                             broker::Period period);

  /// Frees an account that nothing refers to any more and whose last report the ledger has taken.
  /// What it used, if it was ever granted anything, is remembered, should it come back in this incarnation:
  /// a client returns, or the wall clock is set back into a period that is over.
  void erase(Account& account);

  /// What an erased account used, while that is remembered; nullptr else.
  [[nodiscard]] const SlotTotals* left(const broker::AccountKey& key) const;
  /// What accounts of CSPs used that were erased and have not come back; of all periods, for ever.
  [[nodiscard]] const std::map<std::pair<std::string, broker::MediaType>, SlotTotals>& retired()
      const {
    return retired_;
  }

  /// Accounts that allocations of an ended period have yet to move to: not to be erased.
  [[nodiscard]] std::unordered_set<const Account*> successors() const;

  /// Puts credit that was taken from an allocation's meter back into its accounts.
  void put_back_to(const AllocationSlot& slot, std::int64_t credit) const;

  /// Drops what is remembered of erased accounts of (CSP, media type) in periods before this one.
  void forget_before(const broker::AccountKey& earlier);

  /// `visit` may neither add nor erase one.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (Account* account : in_order()) visit(*account);
  }

  /// Those that may have allocations, credit or something to tell: few of many, so that what is done ten times
  /// a second costs what is relayed and not what is configured.
  template <typename Visit>
  void for_each_active(Visit&& visit) const {
    for (std::size_t i = 0; i < active_.size(); ++i) visit(*active_[i]);
  }
  /// To be called with each account that the ledger is asked for or an allocation is let in to.
  void note_active(Account& account);
  /// Those of them that have nothing any more are no longer visited. `idle`: had no allocations before what
  /// their last ones used was folded and collected. `awaited`: of successors().
  void rest_idle(const std::vector<Account*>& idle,
                 const std::unordered_set<const Account*>& awaited);
  /// Goes up when a stage or a limit changes, or an account comes or goes.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  void note_change() { ++changes_; }
  /// When the first period of these ends, and when the last of them began; Unix time. An account whose stage is
  /// over has none.
  [[nodiscard]] broker::UnixSeconds first_end_s() const { return first_end_s_; }
  [[nodiscard]] broker::UnixSeconds last_start_s() const { return last_start_s_; }
  void find_bounds();

  /// Those that were erased and what they used.
  template <typename Visit>
  void for_each_left(Visit&& visit) const {
    for (const auto& [key, totals] : left_) visit(key, totals);
  }
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }
  /// For accounts of single clients. add() does not ask whether there is any.
  [[nodiscard]] ClientRoom& client_room() { return client_room_; }
  /// Client names that have an account of this one's CSP, media type and period, or had one with a grant.
  [[nodiscard]] std::size_t names_beside(const broker::AccountKey& key) const;

 private:
  void count_name(const broker::AccountKey& key);
  void uncount_name(const broker::AccountKey& key);
  /// All, by key: walking a map of ten thousand takes ten times as long as this.
  [[nodiscard]] const std::vector<Account*>& in_order() const;

  MeterTable& table_;
  AccountIndex& index_;
  std::uint64_t changes_ = 0;
  broker::UnixSeconds first_end_s_ = broker::period_never_ends;
  broker::UnixSeconds last_start_s_ = 0;
  std::map<broker::AccountKey, std::unique_ptr<Account>> accounts_;
  ClientRoom client_room_;
  using Names = std::tuple<std::string, broker::MediaType, broker::UnixSeconds>;
  std::map<Names, std::size_t> names_;
  std::vector<Account*> active_;
  mutable std::vector<Account*> in_order_;  ///< empty: to be made again
  std::map<broker::AccountKey, SlotTotals>
      left_;  ///< sums of erased accounts, until the period after theirs ends
  std::map<std::pair<std::string, broker::MediaType>, SlotTotals> retired_;
};

}  // namespace plugin
