// The ledger's rules: how much of an account a relay may still be granted.
// Owner: pure functions over values. Threads: any.
//
// Words after RFC 8506: a relay *reports used units* and asks for *granted units*. All numbers are
// cumulative per relay incarnation (one life of one relay process): repeating a report changes nothing,
// and a later report heals a lost one.
#pragma once

#include <cstdint>

#include "broker/account.h"

namespace broker {

/// One incarnation's word about one account. Octets; charged directions only in the two sums.
struct UsageReport {
  AccountKey account;
  std::uint64_t limit_octets = 0;    ///< the volume this relay is configured with
  UsedTotals used;                   ///< ever, in this incarnation, all directions
  std::uint64_t charged_octets = 0;  ///< ever, in this incarnation: the part of `used` that costs quota
  std::uint64_t granted_octets = 0;  ///< ever kept: charged_octets + what it still holds unspent
  std::uint64_t wanted_octets = 0;   ///< wanted on top of granted_octets; 0 just reports
};

/// What the ledger holds of one account, without the reporting incarnation.
struct OthersTotals {
  std::uint64_t granted_octets = 0;  ///< sum over the other incarnations, ended ones included
};

/// What the ledger answers.
struct Grant {
  std::uint64_t granted_octets = 0;    ///< the reporter's new cumulative grant, >= charged_octets
  std::uint64_t remaining_octets = 0;  ///< what could still be granted to anybody after this
  std::uint64_t used_by_others_octets = 0; ///< charged octets of the other incarnations
  UsedTotals used_by_others;
  friend bool operator==(const Grant&, const Grant&) = default;
};

/// Grants min(wanted, what is left) on top of what the reporter keeps, so that the sum of all grants
/// never exceeds the limit; when the limit was lowered below what is granted it grants nothing, and
/// the result's granted_octets is lowered towards (never below) charged_octets.
[[nodiscard]] std::uint64_t decide_grant(const UsageReport& report, const OthersTotals& others);

/// limit - all grants, at least 0.
[[nodiscard]] std::uint64_t remaining_after(std::uint64_t limit_octets, std::uint64_t granted_octets,
                                            const OthersTotals& others);

/// How much to ask for: enough for refill_s seconds at octets_per_s, at least grant_min, at most
/// grant_max; nothing while unspent_octets is more than half of that.
struct GrantSize {
  std::uint64_t grant_min_octets = 64'000'000;
  std::uint64_t grant_max_octets = std::uint64_t{64} << 30;
  double refill_s = 4.0;
};
[[nodiscard]] std::uint64_t wanted_octets(const GrantSize& size, std::uint64_t unspent_octets,
                                          double octets_per_s);

}  // namespace broker
