// The ledger's rules: how much of an account a relay may still be granted.
// Owner: pure functions over values. Threads: any.
//
// Words after RFC 8506: a relay *reports used units* and asks for *granted units*. All numbers are
// cumulative per relay incarnation (one life of one relay process): repeating a report changes
// nothing, and a later report heals a lost one. All amounts are 0 .. octets_max.
//
// What one incarnation has of one account is its *share*. The sum of the shares' granted octets is
// what is bound: it never grows beyond the limit. A share is recorded as lowered only when its
// relay has reported that it kept less, since until then the relay may still be spending it.
#pragma once

#include <cstdint>

#include "broker/account.h"
#include "broker/octets.h"
#include "broker/result.h"

namespace broker {

/// One incarnation's word about one account. Octets; charged directions only in the two sums.
struct UsageReport {
  AccountKey account;
  std::uint64_t limit_octets = 0;  ///< the volume this relay is configured with
  UsedTotals used;                 ///< ever, in this incarnation, all directions
  std::uint64_t charged_octets =
      0;  ///< ever, in this incarnation: the part of `used` that costs quota
  std::uint64_t granted_octets = 0;  ///< ever kept: charged_octets + what it still holds unspent
  std::uint64_t wanted_octets = 0;   ///< wanted on top of granted_octets; 0 just reports
  /// Rises with every report of this incarnation, so that a delayed or repeated one is recognised.
  /// 0: not numbered; then the caller itself must keep the order.
  std::uint64_t sequence = 0;
};

/// What the ledger holds of one incarnation in one account.
struct Share {
  UsedTotals used;
  std::uint64_t charged_octets = 0;
  std::uint64_t granted_octets = 0;  ///< >= charged_octets
  std::uint64_t sequence = 0;        ///< of the latest report that was taken
  friend bool operator==(const Share&, const Share&) = default;
};

/// What the ledger holds of one account, without the reporting incarnation: sums over the other
/// shares, ended ones included.
struct OthersTotals {
  std::uint64_t granted_octets = 0;
  std::uint64_t charged_octets = 0;
  UsedTotals used;
  /// Shares with granted_octets > charged_octets; 0 where a store for one relay does not count them.
  std::uint32_t holders = 0;
};

/// What the ledger answers.
struct Grant {
  /// The reporter's new cumulative grant, >= charged_octets. When it is less than what was reported
  /// as kept (the limit was lowered), the relay gives the difference back as far as it is unspent,
  /// and reports what it then keeps.
  std::uint64_t granted_octets = 0;
  std::uint64_t remaining_octets = 0;       ///< what could still be granted to anybody after this
  std::uint64_t used_by_others_octets = 0;  ///< charged octets of the other incarnations
  UsedTotals used_by_others;
  /// What other incarnations were granted and have not reported as used; some of it may come back.
  std::uint64_t unspent_by_others_octets = 0;
  std::uint32_t holders = 0;  ///< other incarnations that hold some of that
  /// The store may have forgotten grants, and grants nothing until all relays have reported or
  /// their grants have ended. What is remaining is not known meanwhile.
  bool learning = false;
  friend bool operator==(const Grant&, const Grant&) = default;
};

/// Grants min(wanted, what is left) on top of what the reporter keeps, so that the sum of all
/// grants never exceeds the limit; when the limit was lowered below what is granted it grants
/// nothing, and the result's granted_octets is lowered towards (never below) charged_octets.
[[nodiscard]] std::uint64_t decide_grant(const UsageReport& report, const OthersTotals& others);

/// limit - all grants, at least 0.
[[nodiscard]] std::uint64_t remaining_after(std::uint64_t limit_octets,
                                            std::uint64_t granted_octets,
                                            const OthersTotals& others);

/// A share after a report, and the answer to the report.
struct Settlement {
  Share share;
  Grant grant;
};

/// Takes a report into the share that is stored (a default Share when there is none yet).
///
/// Numbered and not newer than the stored one: a duplicate or a late one. Nothing changes; the
/// answer is the grant as it is stored.
///
/// Numbered and newer: its totals replace the stored ones, also where they are lower (a packet that
/// the kernel did not take after all was refunded).
///
/// Not numbered: totals only grow; granted_octets is taken as reported.
///
/// Precondition: check_report(report).ok().
[[nodiscard]] Settlement settle_report(const Share& stored, const UsageReport& report,
                                       const OthersTotals& others);

/// The share of an incarnation that has ended, after its last report if there is one: what it was
/// granted and did not use goes back. The last word is taken by settle_report's rules.
[[nodiscard]] Share end_share(const Share& stored, const UsageReport* last_report);

/// The share of an incarnation that left nothing from which its last totals could be told: it may have used, and may
/// still be using, whatever it was granted, so all of that is charged. The octets it told of stay as they are.
[[nodiscard]] Share written_off_share(const Share& stored);

/// Whether all amounts are 0 .. octets_max and the account key is within its bounds. The error
/// names the account and the amount.
[[nodiscard]] Status check_report(const UsageReport& report);

/// How much to ask for: enough for refill_s seconds at octets_per_s, at least grant_min, at most
/// grant_max; nothing while unspent_octets is more than half of that.
struct GrantSize {
  std::uint64_t grant_min_octets = 64'000'000;
  std::uint64_t grant_max_octets = std::uint64_t{64} << 30;
  double refill_s = 4.0;
  /// Where relays share a ledger: as little as a fair share may be.
  std::uint64_t share_min_octets = 16'384;
};
[[nodiscard]] std::uint64_t wanted_octets(const GrantSize& size, std::uint64_t unspent_octets,
                                          double octets_per_s);

/// The same where other relays may want some, too: no more than half of an equal share of what
/// remains (holders: others that hold grants now), so that grants shrink as the end comes near and
/// nothing is stranded on one relay that another could use.
[[nodiscard]] std::uint64_t wanted_share_octets(const GrantSize& size, std::uint64_t unspent_octets,
                                                double octets_per_s, std::uint64_t remaining_octets,
                                                std::uint32_t holders);

}  // namespace broker
