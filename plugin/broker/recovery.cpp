#include "broker/recovery.h"

#include <unordered_set>
#include <vector>

#include "broker/record_of.h"
#include "broker/settler.h"

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

}  // namespace

broker::Result<Recovered> recover(MeterTable& table, std::string_view boot_id,
                                  broker::LedgerStore& store,
                                  const std::function<void(const UsageRecord&)>& write_record,
                                  const std::function<broker::Status()>& flush_records) {
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
