#include "broker/account_book.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace plugin {

namespace {

/// Sums wrap, as what is taken out again was added before.
void change(SlotTotals& sum, const SlotTotals& more, bool negative) {
  const auto one = [negative](std::uint64_t& to, std::uint64_t by) {
    to += negative ? 0 - by : by;
  };
  for (std::size_t d = 0; d < 2; ++d) {
    one(sum.octets[d], more.octets[d]);
    one(sum.packets[d], more.packets[d]);
  }
  one(sum.charged_octets, more.charged_octets);
}

bool is_nothing(const SlotTotals& totals) {
  return totals.octets[0] == 0 && totals.octets[1] == 0 && totals.packets[0] == 0 &&
         totals.packets[1] == 0 && totals.charged_octets == 0;
}

}  // namespace

Account* AccountBook::find(const broker::AccountKey& key) const {
  const auto found = accounts_.find(key);
  return found == accounts_.end() ? nullptr : found->second.get();
}

Account* AccountBook::add(const broker::AccountKey& key, broker::PeriodKind kind,
                          broker::Period period) {
  AccountSlot* slot = table_.take_account(key);
  if (slot == nullptr) return nullptr;
  const auto index = static_cast<std::uint32_t>(slot - table_.accounts().data());
  auto account = std::make_unique<Account>(key, index);
  account->period_kind = kind;
  account->period = period;
  const auto left = left_.find(key);
  if (!key.client.empty()) {
    client_room_.take({key.csp, key.media});
    if (left == left_.end()) count_name(key);
  }
  if (left != left_.end()) {
    slot->closed = left->second;
    if (key.client.empty()) change(retired_[{key.csp, key.media}], left->second, true);
    account->granted_octets = left->second.charged_octets;
    account->was_granted = true;
    left_.erase(left);
  }
  account->stage.count_in(changes_);
  first_end_s_ = std::min(first_end_s_, period.end_s);
  last_start_s_ = std::max(last_start_s_, period.start_s);
  in_order_.clear();
  note_change();
  Account* added = account.get();
  note_active(*added);
  index_.set(index, added);
  accounts_.emplace(key, std::move(account));
  return added;
}

const SlotTotals* AccountBook::left(const broker::AccountKey& key) const {
  const auto found = left_.find(key);
  return found == left_.end() ? nullptr : &found->second;
}

std::unordered_set<const Account*> AccountBook::successors() const {
  std::unordered_set<const Account*> awaited;
  for (const Account* account : active_)
    if (const Account* next = account->successor.load(); next != nullptr) awaited.insert(next);
  return awaited;
}

void AccountBook::put_back_to(const AllocationSlot& slot, std::int64_t credit) const {
  for (const std::uint32_t owner : {slot.account, slot.client_account})
    if (Account* account = index_.at(owner); account != nullptr) put_back(*account, credit);
}

void AccountBook::erase(Account& account) {
  AccountSlot& slot = table_.account(account.slot);
  const ClientRoom::Quota quota{account.key.csp, account.key.media};
  // Who was granted nothing comes back as one that was never there, and costs nothing meanwhile.
  const bool leaves_nothing = is_nothing(slot.closed) && !account.was_granted;
  if (!leaves_nothing) left_[account.key] = slot.closed;
  if (account.key.client.empty()) {
    change(retired_[quota], slot.closed, false);
  } else {
    client_room_.give_back(quota);
    if (leaves_nothing) uncount_name(account.key);
  }
  index_.set(account.slot, nullptr);
  table_.free_account(slot);
  in_order_.clear();
  note_change();
  if (account.active) std::erase(active_, &account);
  accounts_.erase(account.key);
}

const std::vector<Account*>& AccountBook::in_order() const {
  if (in_order_.empty())
    for (const auto& [key, account] : accounts_) in_order_.push_back(account.get());
  return in_order_;
}

void AccountBook::note_active(Account& account) {
  if (std::exchange(account.active, true)) return;
  active_.push_back(&account);
}

void AccountBook::rest_idle(const std::vector<Account*>& idle,
                            const std::unordered_set<const Account*>& awaited) {
  bool any = false;
  for (Account* account : idle) {
    const bool holds = account->ready.load() ||
                       account->live.load(std::memory_order_acquire) != 0 ||
                       account->pool.load() != 0 || account->refused_octets.load() != 0;
    const bool tells = account->asking || account->must_report || account->tell_in_round ||
                       account->learning || account->lowered || account->recall_end_ms != 0 ||
                       account->retell_by_ms != 0;
    // A client's and an ended period's wait to be erased.
    const bool stays = account->key.client.empty() && account->stage.load() != Stage::over;
    if (holds || tells || !stays || awaited.contains(account)) continue;
    account->active = false;
    any = true;
  }
  if (any) std::erase_if(active_, [](const Account* account) { return !account->active; });
}

void AccountBook::find_bounds() {
  first_end_s_ = broker::period_never_ends;
  last_start_s_ = 0;
  for (const Account* account : in_order()) {
    if (account->stage.load() == Stage::over) continue;
    first_end_s_ = std::min(first_end_s_, account->period.end_s);
    last_start_s_ = std::max(last_start_s_, account->period.start_s);
  }
}

void AccountBook::forget_before(const broker::AccountKey& earlier) {
  const auto first = left_.lower_bound({earlier.csp, earlier.media, INT64_MIN, ""});
  const auto end = left_.lower_bound({earlier.csp, earlier.media, earlier.period_start_s, ""});
  for (auto entry = first; entry != end; ++entry)
    if (!entry->first.client.empty()) uncount_name(entry->first);
  left_.erase(first, end);
}

void AccountBook::count_name(const broker::AccountKey& key) {
  ++names_[{key.csp, key.media, key.period_start_s}];
}

void AccountBook::uncount_name(const broker::AccountKey& key) {
  const auto found = names_.find({key.csp, key.media, key.period_start_s});
  if (--found->second == 0) names_.erase(found);
}

std::size_t AccountBook::names_beside(const broker::AccountKey& key) const {
  const auto found = names_.find({key.csp, key.media, key.period_start_s});
  return found == names_.end() ? 0 : found->second;
}

}  // namespace plugin
