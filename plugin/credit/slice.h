// How much credit an allocation takes from its accounts at a time.
// Owner: pure functions on one allocation's fields. Threads: the allocation's relay thread.
//
// A slice lasts about 20 ms at the rate the allocation really has: large enough that the relay path
// rarely asks, small enough that little is stranded when the account runs dry.
#pragma once

#include <cstdint>

#include "credit/account.h"
#include "meter/layout.h"

namespace plugin {

inline constexpr std::uint32_t slice_min_octets = 4'096;
inline constexpr std::uint32_t slice_max_octets = 1U << 20;

enum class CreditVerdict { granted, later, exhausted };

struct CreditDecision {
  CreditVerdict verdict = CreditVerdict::later;
  bool wake_broker = false;  ///< an account wants the broker's attention
};

/// Draws credit for a packet of `needed` octets from the CSP's account and, when there is one, the
/// client's own. On `granted` the meter's credit covers the packet unless the broker took it back
/// in between. Accounts that have `useful` octets, 1 .. needed, are not exhausted. `now_ms` is a
/// steady clock.
[[nodiscard]] CreditDecision draw_credit(AllocationSlot& slot, Account& account, Account* client,
                                         std::int64_t needed, std::int64_t useful,
                                         std::int64_t now_ms);

/// What a rate limit allows the allocation now, after adding what has come in since; INT64_MAX when
/// there is no limit. A second's worth may be saved up, and at least two large packets.
[[nodiscard]] std::int64_t rate_allowance(AllocationSlot& slot, std::uint64_t octets_per_s,
                                          std::int64_t now_ms);

}  // namespace plugin
