// Ends live allocations.
// Owner: pure but for the host's service. Threads: the broker thread.
#pragma once

#include <cstdint>

#include "host.h"
#include "meter/meter_table.h"

namespace plugin {

/// Asks the host to end every live allocation that `chosen` is true for. How many were asked for.
template <typename Chosen>
std::uint64_t cut(const Host& host, const MeterTable& table, turn_close_reason reason,
                  Chosen&& chosen) {
  std::uint64_t count = 0;
  for (const AllocationSlot& slot : table.allocations()) {
    if (slot.state.load(std::memory_order_acquire) != SlotState::live || !chosen(slot)) continue;
    host.cancel(slot.id, reason);
    ++count;
  }
  return count;
}

}  // namespace plugin
