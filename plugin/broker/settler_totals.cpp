// What the accounts have used, by what the meters say (settler.h).
#include "broker/settler.h"

#include <array>

#include "meter/meter_access.h"

namespace plugin {

namespace {

Settler::Totals closed_totals(const AccountSlot& slot) {
  const SlotTotals& closed = slot.closed;
  return {{{closed.octets[0], closed.octets[1]}, {closed.packets[0], closed.packets[1]}},
          closed.charged_octets};
}

/// Adds what live allocations, and those that wait to be folded, have used to the accounts that `wants` is true
/// of. A meter is written by a relay thread all the time and so costs a journey to another core; an allocation
/// that nobody wants does not.
template <typename Wants>
void add_allocations(const MeterTable& table, std::vector<Settler::Totals>& totals, Wants&& wants) {
  for (const AllocationSlot& slot : table.allocations()) {
    if (slot.state.load(std::memory_order_acquire) == SlotState::free) continue;
    const std::array owners{slot.account, slot.client_account};
    std::array<bool, owners.size()> wanted{};
    for (std::size_t i = 0; i < owners.size(); ++i)
      wanted[i] = owners[i] < totals.size() && wants(owners[i]);
    if (!wanted[0] && !wanted[1]) continue;
    const auto used = used_of(slot);
    std::uint64_t charged = 0;
    for (std::size_t d = 0; d < 2; ++d)
      if ((slot.meter.charged_directions >> d & 1U) != 0) charged += used.octets[d];
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (!wanted[i]) continue;
      totals[owners[i]].used += used;
      totals[owners[i]].charged_octets += charged;
    }
  }
}

}  // namespace

std::vector<Settler::Totals> Settler::totals_of(const MeterTable& table) {
  const auto accounts = table.accounts();
  std::vector<Totals> totals(accounts.size());
  for (std::size_t i = 0; i < accounts.size(); ++i) totals[i] = closed_totals(accounts[i]);
  add_allocations(table, totals, [](std::uint32_t) { return true; });
  return totals;
}

std::uint64_t Settler::untold_octets() const {
  std::uint64_t octets = 0;
  book_.for_each([&](const Account& account) {
    octets +=
        broker::saturating_sub(totals_.at(account.slot).used.all_octets(), account.reported_octets);
  });
  return octets;
}

void Settler::collect_if_older(std::int64_t ms) {
  if (clock_.steady_ms() - collected_ms_ > ms || totals_.size() != table_.accounts().size())
    collect();
}

void Settler::collect() {
  collected_ms_ = clock_.steady_ms();
  const auto accounts = table_.accounts();
  totals_.resize(accounts.size());
  book_.for_each_active([&](const Account& account) {
    totals_[account.slot] = closed_totals(accounts[account.slot]);
  });
  add_allocations(table_, totals_, [&](std::uint32_t owner) {
    // Let in by a relay thread just when the account came to rest.
    Account* account = book_.at(owner);
    if (account != nullptr && !account->active) {
      book_.note_active(*account);
      totals_[owner] = closed_totals(accounts[owner]);
    }
    return true;
  });
}

void Settler::collect_of(const std::vector<Account*>& wanted) {
  const auto accounts = table_.accounts();
  totals_.resize(accounts.size());
  wanted_.resize(accounts.size());
  for (const Account* account : wanted) {
    totals_[account->slot] = closed_totals(accounts[account->slot]);
    wanted_[account->slot] = 1;
  }
  add_allocations(table_, totals_, [&](std::uint32_t owner) { return wanted_[owner] != 0; });
  for (const Account* account : wanted) wanted_[account->slot] = 0;
}

}  // namespace plugin
