// From an allocation's slot to its usage record.
// Owner: pure functions. Threads: the broker thread.
#pragma once

#include <string>

#include "meter/meter_table.h"
#include "records/usage_record.h"

namespace plugin {

/// From a turn_close_reason as the slot keeps it.
[[nodiscard]] EndReason end_reason(std::uint8_t close_reason);

[[nodiscard]] UsageRecord record_of(const MeterTable& table, const AllocationSlot& slot,
                                    EndReason reason);

/// "INCARNATION-SEQUENCE": unique over restarts and relays.
[[nodiscard]] std::string allocation_name(const MeterTable& table, const AllocationSlot& slot);

[[nodiscard]] std::string client_name(const AllocationSlot& slot);

/// "192.0.2.1:4711", "[2001:db8::1]:4711", "" when there is none.
[[nodiscard]] std::string format_address(const turn_address& address);

/// "udp", "tcp", "tls", "dtls" or "unknown".
[[nodiscard]] std::string_view transport_name(std::uint8_t transport);

}  // namespace plugin
