// What the accounts have used, by what the meters say (settler.h).
#include "broker/settler.h"

#include "meter/meter_access.h"

namespace plugin {

namespace {

Settler::Totals closed_totals(const AccountSlot& slot) {
  const SlotTotals& closed = slot.closed;
  return {{{closed.octets[0], closed.octets[1]}, {closed.packets[0], closed.packets[1]}},
          closed.charged_octets};
}

/// Adds what live allocations, and those that wait to be folded, have used; `begin` is called with each
/// account before.
template <typename Begin>
void add_allocations(const MeterTable& table, std::vector<Settler::Totals>& totals, Begin&& begin) {
  for (const AllocationSlot& slot : table.allocations()) {
    if (slot.state.load(std::memory_order_acquire) == SlotState::free) continue;
    const auto used = used_of(slot);
    std::uint64_t charged = 0;
    for (std::size_t d = 0; d < 2; ++d)
      if ((slot.meter.charged_directions >> d & 1U) != 0) charged += used.octets[d];
    for (const std::uint32_t owner : {slot.account, slot.client_account}) {
      if (owner >= totals.size()) continue;
      begin(owner);
      totals[owner].used += used;
      totals[owner].charged_octets += charged;
    }
  }
}

}  // namespace

std::vector<Settler::Totals> Settler::totals_of(const MeterTable& table) {
  const auto accounts = table.accounts();
  std::vector<Totals> totals(accounts.size());
  for (std::size_t i = 0; i < accounts.size(); ++i) totals[i] = closed_totals(accounts[i]);
  add_allocations(table, totals, [](std::uint32_t) {});
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
    if (account == nullptr || account->active) return;
    book_.note_active(*account);
    totals_[owner] = closed_totals(accounts[owner]);
  });
}

}  // namespace plugin
