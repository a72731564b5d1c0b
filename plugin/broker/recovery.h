// What a start finds of a relay process that did not end properly.
// Owner: pure but for the ledger call. Threads: the starting thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/ports/ledger_store.h"
#include "meter/meter_table.h"
#include "records/usage_record.h"

namespace plugin {

struct Recovered {
  std::uint64_t incarnation = 0;
  std::uint64_t records = 0;                 ///< allocations that were cut off
  std::uint64_t octets = 0;                  ///< all that the incarnation relayed, both directions
  std::vector<broker::UsageReport> reports;  ///< the last ones, which the ledger has taken
};

/// Settles the table's incarnation with the ledger: the totals are exactly what the meters say.
/// Hands out one record for each allocation that is not known to have one: also the one whose record
/// was written just before the process ended, and after a crash in its midst all of them again (same
/// `allocation`). Whoever writes them leaves those out (records/recorded.h).
[[nodiscard]] broker::Result<Recovered> recover(
    MeterTable& table, std::string_view boot_id, broker::LedgerStore& store,
    const std::function<void(const UsageRecord&)>& write_record,
    const std::function<broker::Status()>& flush_records);

}  // namespace plugin
