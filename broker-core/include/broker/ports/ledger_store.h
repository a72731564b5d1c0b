// Where grants and used units are kept. The rules are in broker/ledger.h; a store only makes them
// atomic and durable.
// Owner: the broker thread. Threads: one thread at a time; calls may block.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/ledger.h"
#include "broker/result.h"

namespace broker {

/// Names one life of one relay process in the ledger.
struct Incarnation {
  std::string relay_id;
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

class LedgerStore {
 public:
  virtual ~LedgerStore() = default;

  /// Takes the reports and grants, all or none, durable when it returns. One Grant per report, in
  /// order. A report's totals that are lower than stored ones are ignored (grow-only), except
  /// granted_octets, which may be lowered (never below the charged octets). Reports of an incarnation
  /// that has ended are an error.
  [[nodiscard]] virtual Result<std::vector<Grant>> exchange(
      const Incarnation& incarnation, const std::vector<UsageReport>& reports) = 0;

  /// The incarnation is over: its last totals are taken, what it was granted and did not use goes
  /// back, and it can never report again. Repeating it is harmless.
  [[nodiscard]] virtual Status end(const Incarnation& incarnation,
                                   const std::vector<UsageReport>& last_reports) = 0;

  /// Incarnations of this relay that have reported and not ended.
  [[nodiscard]] virtual Result<std::vector<Incarnation>> open_incarnations(
      const std::string& relay_id) = 0;

  /// Everything known of accounts whose period starts at or after `since_s`, ordered by key.
  [[nodiscard]] virtual Result<std::vector<AccountUsage>> usage(UnixSeconds since_s) = 0;

  /// Revocations: kept until forget_after_s (Unix time); `what` is "csp:ID" or "client:ID".
  [[nodiscard]] virtual Status revoke(const std::string& what, UnixSeconds revoked_at_s,
                                      UnixSeconds forget_after_s) = 0;
  struct Revocation {
    std::string what;
    UnixSeconds revoked_at_s = 0;
    UnixSeconds forget_after_s = 0;
    friend bool operator==(const Revocation&, const Revocation&) = default;
  };
  [[nodiscard]] virtual Result<std::vector<Revocation>> revocations(UnixSeconds now_s) = 0;
};

}  // namespace broker
