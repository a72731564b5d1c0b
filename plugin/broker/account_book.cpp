#include "broker/account_book.h"

#include <algorithm>
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
  if (const auto left = left_.find(key); left != left_.end()) {
    slot->closed = left->second;
    if (key.client.empty()) change(retired_[{key.csp, key.media}], left->second, true);
    account->granted_octets = left->second.charged_octets;
    left_.erase(left);
  }
  account->stage.count_in(changes_);
  first_end_s_ = std::min(first_end_s_, period.end_s);
  in_order_.clear();
  note_change();
  Account* added = account.get();
  note_active(*added);
  index_.set(index, added);
  if (!key.client.empty()) ++clients_;
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
  left_[account.key] = slot.closed;
  if (account.key.client.empty())
    change(retired_[{account.key.csp, account.key.media}], slot.closed, false);
  index_.set(account.slot, nullptr);
  table_.free_account(slot);
  in_order_.clear();
  note_change();
  if (account.active) std::erase(active_, &account);
  if (!account.key.client.empty()) --clients_;
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

void AccountBook::find_first_end() {
  first_end_s_ = broker::period_never_ends;
  for (const Account* account : in_order())
    if (account->stage.load() != Stage::over)
      first_end_s_ = std::min(first_end_s_, account->period.end_s);
}

void AccountBook::forget_before(const broker::AccountKey& earlier) {
  std::erase_if(left_, [&](const auto& entry) {
    return entry.first.csp == earlier.csp && entry.first.media == earlier.media &&
           entry.first.period_start_s < earlier.period_start_s;
  });
}

}  // namespace plugin
