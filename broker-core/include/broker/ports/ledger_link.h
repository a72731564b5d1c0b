// The broker's way to its ledger, which may be another process on another machine: every question is
// answered later, and nothing waits. What is asked and promised is as in broker/ports/ledger_store.h.
// Owner: the broker thread. Threads: one thread at a time; answers come on that thread.
//
// An answer may come before the call returns (a ledger in this process), and comes exactly once.
// After an error the ledger may or may not have taken the call: repeating it, or reporting again
// with a higher sequence, is harmless and heals either.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/ports/ledger_store.h"

namespace broker {

class LedgerLink {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;

  virtual ~LedgerLink() = default;

  virtual void exchange(const Incarnation& incarnation, std::vector<UsageReport> reports,
                        Done<std::vector<Grant>> done) = 0;
  virtual void end(const Incarnation& incarnation, std::vector<UsageReport> last_reports,
                   Done<Nothing> done) = 0;
  virtual void write_off(const Incarnation& incarnation, Done<Nothing> done) = 0;
  virtual void open_incarnations(const std::string& relay_id,
                                 Done<std::vector<Incarnation>> done) = 0;
  virtual void usage(UnixSeconds since_s, Done<std::vector<AccountUsage>> done) = 0;
  virtual void revoke(const std::string& what, UnixSeconds revoked_at_s, UnixSeconds forget_after_s,
                      Done<Nothing> done) = 0;
  virtual void revocations(UnixSeconds now_s, Done<std::vector<LedgerStore::Revocation>> done) = 0;

  /// Goes up with each step of a call that takes several: who waits for it sees that it gets on.
  [[nodiscard]] virtual std::uint64_t steps() const { return 0; }
  /// Whether other relays may hold grants of the same accounts.
  [[nodiscard]] virtual bool is_shared() const = 0;
  /// Steady time up to which grants may be spent without another answer of the ledger; INT64_MAX
  /// when they do not end.
  [[nodiscard]] virtual std::int64_t valid_until_ms() const = 0;
  /// How long a ledger that has just been found to have forgotten is sure to grant nothing; INT64_MAX when none
  /// forgets.
  [[nodiscard]] virtual std::int64_t learns_ms() const = 0;
  /// How often an account's use is reported when nothing else is asked for it.
  [[nodiscard]] virtual std::int64_t report_interval_ms() const = 0;
  /// To be called every second: looks, when it is time, whether the ledger still is the one that was told, also by a relay
  /// that has nothing to tell.
  virtual void look_for_loss() = 0;
  /// Asks the other relays to give back what they do not need of this account. May be lost.
  virtual void recall(const AccountKey& account) = 0;
  /// Tells the other relays that nothing is left of this account. May be lost.
  virtual void tell_exhausted(const AccountKey& account) = 0;
};

}  // namespace broker
