// A ledger of this machine alone, as the broker asks it: answers at once.
// Owner: the broker. Threads: one thread at a time; calls block as the store's do.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "broker/ports/ledger_link.h"

namespace plugin {

class LocalLedger final : public broker::LedgerLink {
 public:
  /// `store` is borrowed.
  explicit LocalLedger(broker::LedgerStore& store) : store_(store) {}

  void exchange(const broker::Incarnation& incarnation, std::vector<broker::UsageReport> reports,
                Done<std::vector<broker::Grant>> done) override {
    done(store_.exchange(incarnation, reports));
  }
  void end(const broker::Incarnation& incarnation, std::vector<broker::UsageReport> last_reports,
           Done<broker::Nothing> done) override {
    done(store_.end(incarnation, last_reports));
  }
  void write_off(const broker::Incarnation& incarnation, Done<broker::Nothing> done) override {
    done(store_.write_off(incarnation));
  }
  void open_incarnations(const std::string& relay_id,
                         Done<std::vector<broker::Incarnation>> done) override {
    done(store_.open_incarnations(relay_id));
  }
  void usage(broker::UnixSeconds since_s, Done<std::vector<broker::AccountUsage>> done) override {
    done(store_.usage(since_s));
  }
  void revoke(const std::string& what, broker::UnixSeconds revoked_at_s,
              broker::UnixSeconds forget_after_s, Done<broker::Nothing> done) override {
    done(store_.revoke(what, revoked_at_s, forget_after_s));
  }
  void revocations(broker::UnixSeconds now_s,
                   Done<std::vector<broker::LedgerStore::Revocation>> done) override {
    done(store_.revocations(now_s));
  }

  [[nodiscard]] bool is_shared() const override { return false; }
  [[nodiscard]] std::int64_t valid_until_ms() const override {
    return std::numeric_limits<std::int64_t>::max();
  }
  [[nodiscard]] std::int64_t learns_ms() const override { return INT64_MAX; }
  [[nodiscard]] std::int64_t report_interval_ms() const override { return 0; }
  void look_for_loss() override {}
  void recall(const broker::AccountKey& /*account*/) override {}
  void tell_exhausted(const broker::AccountKey& /*account*/) override {}

 private:
  broker::LedgerStore& store_;
};

}  // namespace plugin
