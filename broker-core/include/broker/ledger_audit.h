// Whether the ledger's books add up, and what every difference means.
// Owner: pure functions over values. Threads: any.
//
// The totals of an account are kept beside its shares and hold what ended incarnations used as well. So
// for each amount
//
//   totals == sum of shares + what ended incarnations left
//
// and an incarnation that ended left as much granted as charged. From that follow most rules below.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/ports/ledger_books.h"

namespace broker {

enum class FindingKind : std::uint8_t {
  damaged,                ///< something cannot be read
  totals_below_shares,    ///< the shares alone are more than the stored total
  unspent_of_nobody,      ///< more or less is granted and unspent than the shares hold
  holders_miscounted,     ///< the stored number of holders is another than that of the shares
  granted_below_charged,  ///< of a share or of the totals
  charged_beyond_used,    ///< alike: more was charged than relayed
  granted_beyond_limit,
  share_of_ended,    ///< an incarnation that cannot report any more still has a share
  share_of_unknown,  ///< a share of an incarnation that is neither open nor ended
  share_not_listed,
  account_not_listed,
  own_share_missing,  ///< of the relay that asks, which knows what it has reported
  own_share_differs,
  own_grant_unknown,  ///< the relay that asks may spend more than the ledger has granted it
  limit_was_lowered,  ///< note: more is granted than the limit now, not than it was
  not_reported,       ///< note: relayed since the last report
  relay_gone,         ///< note: holds a share, and does not tell of itself
  other_incarnation,  ///< note: its relay tells of itself as another one
  own_not_checked,    ///< note: this relay's own shares were not compared
};

/// "totals_below_shares" and so on, for programs.
[[nodiscard]] std::string_view to_string(FindingKind kind);
/// A fault is a sum that does not add up; all others are differences that are as they should be, or that
/// nobody made a mistake for.
[[nodiscard]] bool is_fault(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::damaged;
  std::optional<AccountKey> account;  ///< nullopt: of none, or of many
  std::string relay;                  ///< id; empty: of none
  std::string text;  ///< one sentence, fit for a log: what is found, and what to do about it
  friend bool operator==(const Finding&, const Finding&) = default;
};

/// What a relay that asks knows of its own share of an account. Octets of all directions, in this
/// incarnation. While a report is on its way the ledger may have taken it or not.
struct OwnShare {
  std::uint64_t reported_least_octets = 0;
  std::uint64_t reported_most_octets = 0;
  std::uint64_t used_octets = 0;  ///< by now
  /// What it holds the ledger to have granted it; 0 while that is about to change.
  std::uint64_t granted_octets = 0;
};

struct AuditContext {
  Incarnation self;  ///< who asks
  std::optional<OwnShare> own;
  std::optional<std::uint64_t>
      limit_octets;                        ///< nullopt: not known here, nothing is compared with it
  std::uint64_t limit_highest_octets = 0;  ///< that it was before, as far as is known
  /// The configuration lets relays go beyond it at times (on_store_loss, lost_grant).
  bool may_go_beyond = false;
};

/// All that is wrong with one account, in the order of FindingKind.
[[nodiscard]] std::vector<Finding> audit_account(const AccountBooks& books,
                                                 const AuditContext& context);

/// What open incarnations hold over all accounts.
using OpenHoldings = std::map<Incarnation, std::uint64_t>;

/// Adds the unspent octets of the account's open incarnations.
void add_holdings(const AccountBooks& books, OpenHoldings& holdings);

/// Incarnations that have shares, compared with the relays that tell of themselves (id 0: the incarnation
/// is not known). One note each.
[[nodiscard]] std::vector<Finding> audit_incarnations(const OpenHoldings& holdings,
                                                      std::span<const Incarnation> alive);

/// "acme/video since 2026-11-01T00:00:00Z client alice", "acme/data in total".
[[nodiscard]] std::string account_text(const AccountKey& account);

}  // namespace broker
