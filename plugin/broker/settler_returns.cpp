// How credit comes back from allocations, and goes back to the ledger (settler.h).
#include "broker/settler.h"

#include <algorithm>
#include <utility>

#include "meter/meter_access.h"

namespace plugin {

namespace {

/// What is less than this part of what remains is not missed by others for a while.
constexpr std::uint64_t small_part = 8;

}  // namespace

void Settler::take_back(const Account& account) {
  for (AllocationSlot& slot : table_.allocations()) {
    if (slot.state.load(std::memory_order_acquire) != SlotState::live) continue;
    if (slot.account != account.slot && slot.client_account != account.slot) continue;
    const std::int64_t credit = take_credit_back(slot.meter);
    if (credit == 0) continue;
    book_.put_back_to(slot, credit);
  }
}

void Settler::take_back_idle() {
  const auto slots = table_.allocations();
  swept_octets_.resize(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    AllocationSlot& slot = slots[i];
    if (slot.state.load(std::memory_order_acquire) != SlotState::live) continue;
    const std::uint64_t used = used_of(slot).all_octets();
    if (std::exchange(swept_octets_[i], used) != used) continue;
    if (const std::int64_t credit = take_credit_back(slot.meter); credit != 0)
      book_.put_back_to(slot, credit);
  }
}

void Settler::change_limit(Account& account, std::uint64_t limit_octets) {
  const std::uint64_t before = account.limit_octets.exchange(limit_octets);
  book_.note_change();
  table_.account(account.slot).limit_octets = limit_octets;
  if (limit_octets >= before) {
    exchange({&account}, account.ready.load() ? Ask::at_least : Ask::nothing);
    return;
  }
  account.stage.store(Stage::last);
  take_back(account);
  give_up_unspent(account, 0);
  // Until the store answers the account stays dry: never over the new limit.
  account.lowered = true;
  exchange({&account}, Ask::at_least);
}

void Settler::correct_limit(Account& ended, std::uint64_t limit_octets) {
  if (ended.limit_octets.exchange(limit_octets) == limit_octets) return;
  book_.note_change();
  table_.account(ended.slot).limit_octets = limit_octets;
  take_back(ended);
  give_up_unspent(ended, 0);
}

std::uint64_t Settler::give_up_unspent(Account& account, std::uint64_t keep_octets) {
  const std::uint64_t held = unspent_of(account);
  if (held <= keep_octets) return 0;
  const auto drawn =
      static_cast<std::uint64_t>(draw(account, 1, static_cast<std::int64_t>(held - keep_octets)));
  account.granted_octets -= drawn;
  account.must_report = true;
  book_.note_active(account);
  return drawn;
}

/// The others were granted what this account still holds: under a limit that was higher, or by a ledger
/// that had forgotten.
void Settler::give_up_beyond(Account& account, std::uint64_t granted_octets) {
  if (account.granted_octets <= granted_octets) return;
  // Packet by packet, so that what is taken back stays back.
  if (account.stage.load() == Stage::open) account.stage.store(Stage::last);
  take_back(account);
  const std::uint64_t beyond = account.granted_octets - granted_octets;
  give_up_unspent(account, broker::saturating_sub(unspent_of(account), beyond));
}

void Settler::release(Account& account) {
  take_back(account);
  const bool must_report = account.must_report;
  const std::uint64_t given_up = give_up_unspent(account, 0);
  account.ready.store(false);
  if (link_.is_shared() && !must_report && given_up <= account.remaining_octets / small_part) {
    account.must_report = false;
    account.tell_in_round = account.tell_in_round || given_up != 0;
  } else {
    exchange({&account}, Ask::nothing);
  }
}

void Settler::give_back(Account& account) {
  if (account.stage.load() != Stage::open) return;
  const auto keep = static_cast<std::uint64_t>(account.octets_per_s);
  if (keep == 0) take_back(account);
  const std::uint64_t given_up =
      give_up_unspent(account, std::max(keep, broker::GrantSize{}.share_min_octets));
  // What was given up before and waits for the next round is lacked now.
  if (given_up == 0 && !account.tell_in_round) return;
  // Not to be asked for again at once by the next packet.
  account.low_water.store(static_cast<std::int64_t>(unspent_of(account) / 2));
  exchange({&account}, Ask::nothing);
}

bool Settler::is_settled(const Account& account) const {
  const Totals& totals = totals_[account.slot];
  return !account.asking && !account.must_report && !account.tell_in_round &&
         account.reported_octets == totals.used.all_octets() &&
         account.granted_octets <= totals.charged_octets;
}

}  // namespace plugin
