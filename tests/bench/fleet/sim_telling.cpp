// What a simulated relay tells of itself through Redis (sim_relay.h), after plugin/broker/fleet.cpp and
// answer.cpp.
#include "broker/record_of.h"
#include "sim_relay.h"
#include "sim_status.h"

namespace fleet_bench {

using plugin::Account;
using plugin::AllocationSlot;
using plugin::SlotState;

void SimRelay::tell_fleet() {
  std::array<std::uint64_t, 2> octets{};
  std::uint64_t live = 0;
  book_.for_each([&](const Account& account) {
    live += account.live.load();
    if (account.slot >= settler_.totals().size()) return;
    const auto& used = settler_.totals()[account.slot].used;
    for (std::size_t d = 0; d < octets.size(); ++d) octets.at(d) += used.octets.at(d);
  });
  auto self = plausible_status(id_, table_.header().incarnation, place_.clock);
  self.allocations_max = table_.header().allocations_max;
  self.allocations = live;
  for (std::size_t d = 0; d < octets.size(); ++d)
    self.octets_per_s.at(d) = broker::saturating_sub(octets.at(d), told_octets_.at(d));
  told_octets_ = octets;
  registry_.look(self);
}

void SimRelay::tell_usage(std::int64_t now_ms) {
  if (now_ms < next_usage_ms_) return;
  next_usage_ms_ = now_ms + ledger_.report_interval_ms();
  usage_teller_.tell(place_.clock.unix_ms(), usage(), allocations());
}

void SimRelay::fetch_revocations(std::int64_t now_ms) {
  if (now_ms < next_revocations_ms_) return;
  next_revocations_ms_ = now_ms + revocations_interval_ms;
  ledger_.revocations(place_.clock.unix_ms() / 1'000, [](const auto&) {});
}

/// As Broker::usage().
std::vector<plugin::AccountStatus> SimRelay::usage() {
  settler_.collect();
  std::vector<plugin::AccountStatus> list;
  book_.for_each([&](const Account& account) {
    const auto& totals = settler_.totals()[account.slot];
    plugin::AccountStatus status;
    status.csp = account.key.csp;
    status.media = account.key.media;
    status.period = broker::period_name(account.period_kind, account.key.period_start_s);
    status.limit_octets = account.limit_octets.load();
    status.used_octets = totals.charged_octets + account.others_charged_octets;
    status.used = totals.used;
    status.used += account.others;
    status.allocations = account.live.load();
    list.push_back(std::move(status));
  });
  return list;
}

/// As Broker::allocations().
std::vector<plugin::AllocationStatus> SimRelay::allocations() const {
  std::vector<plugin::AllocationStatus> list;
  for (const AllocationSlot& slot : table_.allocations()) {
    if (slot.state.load(std::memory_order_acquire) != SlotState::live) continue;
    const auto record = record_of(table_, slot, plugin::EndReason::released);
    plugin::AllocationStatus status;
    status.id = record.allocation;
    status.csp = record.csp;
    status.media = record.media;
    status.client = record.client;
    status.used = record.used;
    list.push_back(std::move(status));
  }
  return list;
}

}  // namespace fleet_bench
