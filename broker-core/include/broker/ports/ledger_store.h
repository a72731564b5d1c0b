// Where grants and used units are kept. The rules are in broker/ledger.h; a store only makes them
// atomic and durable.
// Owner: the broker thread. Threads: one thread at a time; calls may block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/ledger.h"
#include "broker/result.h"

namespace broker {

/// Names one life of one relay process in the ledger.
struct Incarnation {
  std::string relay_id;  ///< is_relay_id
  std::uint64_t id = 0;  ///< random, never 0
  friend auto operator<=>(const Incarnation&, const Incarnation&) = default;
};

/// An account as the ledger knows it, summed over all incarnations.
struct AccountUsage {
  AccountKey account;
  UsedTotals used;
  std::uint64_t charged_octets = 0;
  std::uint64_t granted_octets = 0;
  friend bool operator==(const AccountUsage&, const AccountUsage&) = default;
};

/// Bounds of what a store keeps besides accounts.
inline constexpr std::size_t revocations_max = 100'000;
inline constexpr std::size_t revocation_octets_max = 600;
/// Ended incarnations remembered per relay; beyond it the ones that ended first are forgotten, and
/// a report that comes 1000 restarts late would be taken for a new incarnation's.
inline constexpr std::size_t ended_incarnations_max = 1'000;

/// What an incarnation that has ended is answered when it reports.
inline constexpr std::string_view ended_text = "has ended and cannot report any more";
[[nodiscard]] inline Error ended_error(std::string_view incarnation) {
  return {"incarnation " + std::string(incarnation) + " " + std::string(ended_text)};
}
[[nodiscard]] inline bool says_ended(const Error& error) {
  return error.message.ends_with(ended_text);
}

class LedgerStore {
 public:
  virtual ~LedgerStore() = default;

  /// Takes the reports and grants, all or none, durable when it returns. One Grant per report, in
  /// order; the rules are settle_report's. With no reports it just makes the incarnation known.
  /// Errors: a report that check_report refuses, an incarnation that has ended, sums beyond
  /// octets_max, and whatever the store itself meets. After an error nothing has changed, and the
  /// same call may be repeated.
  [[nodiscard]] virtual Result<std::vector<Grant>> exchange(
      const Incarnation& incarnation, const std::vector<UsageReport>& reports) = 0;

  /// The incarnation is over: its last totals are taken (end_share), what it was granted and did
  /// not use goes back, and it can never report again. Accounts without a last report keep the
  /// totals they have. Repeating it is harmless, and changes nothing. The incarnation need not have
  /// reported before.
  [[nodiscard]] virtual Status end(const Incarnation& incarnation,
                                   const std::vector<UsageReport>& last_reports) = 0;

  /// Ends an incarnation that left nothing to tell its last totals from: all that it was granted is charged
  /// (written_off_share). Otherwise as end(), also when it has ended already.
  [[nodiscard]] virtual Status write_off(const Incarnation& incarnation) = 0;

  /// Incarnations of this relay that have reported and not ended, ordered by id.
  [[nodiscard]] virtual Result<std::vector<Incarnation>> open_incarnations(
      const std::string& relay_id) = 0;

  /// Everything known of accounts whose period starts at or after `since_s`, ordered by key.
  [[nodiscard]] virtual Result<std::vector<AccountUsage>> usage(UnixSeconds since_s) = 0;

  /// Revocations: kept until forget_after_s (Unix time); `what` is "csp:ID" or "client:ID", at most
  /// revocation_octets_max octets. Revoking the same again keeps the later of both times. Drops
  /// those whose time is over at revoked_at_s. An error when revocations_max are kept already.
  [[nodiscard]] virtual Status revoke(const std::string& what, UnixSeconds revoked_at_s,
                                      UnixSeconds forget_after_s) = 0;
  struct Revocation {
    std::string what;
    UnixSeconds revoked_at_s = 0;
    UnixSeconds forget_after_s = 0;
    friend bool operator==(const Revocation&, const Revocation&) = default;
  };
  /// Those with now_s < forget_after_s, ordered by `what`.
  [[nodiscard]] virtual Result<std::vector<Revocation>> revocations(UnixSeconds now_s) = 0;
};

}  // namespace broker
