#include "broker/recovery.h"

#include <unordered_set>
#include <vector>

#include "broker/record_of.h"
#include "broker/settler.h"
#include "meter/meter_access.h"

namespace plugin {

namespace {

/// Allocations that moved on to another slot when their period ended.
std::unordered_set<std::uint64_t> continued_sequences(const MeterTable& table) {
  std::unordered_set<std::uint64_t> sequences;
  for (const AllocationSlot& slot : table.allocations())
    if (slot.state.load() != SlotState::free && slot.continues != 0)
      sequences.insert(slot.continues);
  return sequences;
}

/// Added up, damaged numbers would come out small, where nobody would see it. What a relay can have relayed,
/// with each octet in two accounts and in both sums, is far from this bound.
broker::Status check_amounts(const MeterTable& table) {
  std::uint64_t sum = 0;
  const auto add = [&](const auto& octets, const auto& packets) {
    for (std::size_t d = 0; d < 2; ++d)
      for (const std::uint64_t amount : {octets[d], packets[d]}) sum = sum_or_most(sum, amount);
  };
  for (const AccountSlot& slot : table.accounts()) {
    add(slot.closed.octets, slot.closed.packets);
    sum = sum_or_most(sum, slot.closed.charged_octets);
  }
  for (const AllocationSlot& slot : table.allocations()) {
    const broker::UsedTotals used = used_of(slot);
    if (slot.state.load() != SlotState::free) add(used.octets, used.packets);
  }
  if (sum <= broker::octets_max) return broker::Nothing{};
  return broker::Error{
      "the meter table is damaged: its amounts are more than any relay has relayed"};
}

}  // namespace

broker::Result<Recovered> recover(MeterTable& table, std::string_view boot_id,
                                  broker::LedgerStore& store,
                                  const std::function<void(const UsageRecord&)>& write_record,
                                  const std::function<broker::Status()>& flush_records) {
  if (auto sound = check_amounts(table); !sound) return sound.error();
  TableHeader& header = table.header();
  header.relay_id[sizeof header.relay_id - 1] = '\0';
  header.boot_id[sizeof header.boot_id - 1] = '\0';
  const bool same_boot = boot_id == header.boot_id;
  const broker::Incarnation incarnation{header.relay_id, header.incarnation};
  Recovered result;
  result.incarnation = header.incarnation;

  if (header.records_written == 0) {
    const auto continued = continued_sequences(table);
    for (AllocationSlot& slot : table.allocations()) {
      const SlotState state = slot.state.load();
      if (state != SlotState::live && state != SlotState::closed) continue;
      if (slot.continued != 0 || continued.contains(slot.sequence) || slot.created == 0) continue;
      if (slot.account >= table.accounts().size()) continue;
      if (state == SlotState::live) slot.end_ms = header.alive_ms.load();
      write_record(record_of(
          table, slot,
          state == SlotState::live ? EndReason::recovered : end_reason(slot.close_reason)));
      ++result.records;
    }
    if (auto status = flush_records(); !status) return status.error();
    header.records_written = 1;
  }

  std::vector<broker::UsageReport> reports;
  const auto totals = Settler::totals_of(table);
  const auto accounts = table.accounts();
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    if (accounts[i].state.load() != SlotState::live) continue;
    broker::UsageReport report;
    report.account = key_of(accounts[i]);
    report.limit_octets = accounts[i].limit_octets;
    report.used = totals[i].used;
    report.charged_octets = report.granted_octets = totals[i].charged_octets;
    // Not numbered: totals only grow.
    report.sequence = same_boot ? ++header.report_sequence : 0;
    if (report.account.client.empty()) result.octets += report.used.all_octets();
    reports.push_back(std::move(report));
  }
  if (auto status = store.end(incarnation, reports); !status) return status.error();
  result.reports = std::move(reports);
  return result;
}

}  // namespace plugin
