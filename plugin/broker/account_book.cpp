#include "broker/account_book.h"

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
  Account* added = account.get();
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
  for (const auto& [key, account] : accounts_)
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
  accounts_.erase(account.key);
}

void AccountBook::forget_before(const broker::AccountKey& earlier) {
  std::erase_if(left_, [&](const auto& entry) {
    return entry.first.csp == earlier.csp && entry.first.media == earlier.media &&
           entry.first.period_start_s < earlier.period_start_s;
  });
}

}  // namespace plugin
