// A ledger link that passes everything on, and measures the exchanges.
// Owner: a simulated relay. Threads: the one that runs the event base.
#pragma once

#include <chrono>
#include <utility>
#include <vector>

#include "broker/ports/ledger_link.h"
#include "measured.h"

namespace fleet_bench {

class CountedLedger final : public broker::LedgerLink {
 public:
  /// Both borrowed.
  CountedLedger(broker::LedgerLink& link, Measured& measured) : link_(link), measured_(measured) {}

  void exchange(const broker::Incarnation& incarnation, std::vector<broker::UsageReport> reports,
                Done<std::vector<broker::Grant>> done) override {
    bool asks = false;
    for (const auto& report : reports) {
      count(report);
      asks = asks || report.wanted_octets != 0;
    }
    ++measured_.exchanges;
    const auto began = std::chrono::steady_clock::now();
    link_.exchange(incarnation, std::move(reports),
                   [this, began, asks, done = std::move(done)](auto grants) {
                     if (!grants) ++measured_.failures;
                     if (measured_.on) {
                       const auto ns = (std::chrono::steady_clock::now() - began).count();
                       measured_.exchange_ns.add(ns);
                       if (asks) measured_.grant_ns.add(ns);
                     }
                     done(std::move(grants));
                   });
  }
  void end(const broker::Incarnation& incarnation, std::vector<broker::UsageReport> last_reports,
           Done<broker::Nothing> done) override {
    link_.end(incarnation, std::move(last_reports), std::move(done));
  }
  void write_off(const broker::Incarnation& incarnation, Done<broker::Nothing> done) override {
    link_.write_off(incarnation, std::move(done));
  }
  void open_incarnations(const std::string& relay_id,
                         Done<std::vector<broker::Incarnation>> done) override {
    link_.open_incarnations(relay_id, std::move(done));
  }
  void usage(broker::UnixSeconds since_s, Done<std::vector<broker::AccountUsage>> done) override {
    link_.usage(since_s, std::move(done));
  }
  void revoke(const std::string& what, broker::UnixSeconds revoked_at_s,
              broker::UnixSeconds forget_after_s, Done<broker::Nothing> done) override {
    link_.revoke(what, revoked_at_s, forget_after_s, std::move(done));
  }
  void revocations(broker::UnixSeconds now_s,
                   Done<std::vector<broker::LedgerStore::Revocation>> done) override {
    link_.revocations(now_s, std::move(done));
  }
  [[nodiscard]] bool is_shared() const override { return link_.is_shared(); }
  [[nodiscard]] std::int64_t valid_until_ms() const override { return link_.valid_until_ms(); }
  [[nodiscard]] std::int64_t learns_ms() const override { return link_.learns_ms(); }
  [[nodiscard]] std::int64_t report_interval_ms() const override {
    return link_.report_interval_ms();
  }
  void look_for_loss() override { link_.look_for_loss(); }
  void recall(const broker::AccountKey& account) override { link_.recall(account); }
  void tell_exhausted(const broker::AccountKey& account) override { link_.tell_exhausted(account); }

 private:
  void count(const broker::UsageReport& report) {
    const bool holds = report.granted_octets > report.charged_octets;
    if (report.wanted_octets != 0)
      ++(holds ? measured_.refills : measured_.first_grants);
    else
      ++(holds ? measured_.plain_reports : measured_.releases);
  }

  broker::LedgerLink& link_;
  Measured& measured_;
};

}  // namespace fleet_bench
