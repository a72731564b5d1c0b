// The ledger store as simply as it can be said: shares in maps, every sum added up anew. The other
// stores are compared with it, and simulations use it.
// Owner: the test. Threads: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "broker/names.h"
#include "broker/ports/ledger_store.h"

namespace broker {

class ModelLedger final : public LedgerStore {
 public:
  /// Amounts and their sums beyond amount_max are refused.
  explicit ModelLedger(std::uint64_t amount_max = octets_max) : amount_max_(amount_max) {}

  Result<std::vector<Grant>> exchange(const Incarnation& incarnation,
                                      const std::vector<UsageReport>& reports) override {
    if (Status sound = check(incarnation, reports); !sound) return sound.error();
    if (has_ended(incarnation)) return ended_error(incarnation.relay_id);
    Shares shares = shares_of(incarnation);
    std::vector<Grant> grants;
    for (const UsageReport& report : reports) {
      const OthersTotals others = others_of(incarnation, report.account);
      const Settlement settled = settle_report(shares[report.account], report, others);
      if (!fits(others, settled.share)) return Error{"the totals would be too much"};
      shares[report.account] = settled.share;
      grants.push_back(settled.grant);
    }
    open_[incarnation] = std::move(shares);
    return grants;
  }

  Status write_off(const Incarnation& incarnation) override {
    if (has_ended(incarnation)) return Nothing{};
    if (const auto open = open_.find(incarnation); open != open_.end())
      for (auto& [account, share] : open->second) share = written_off_share(share);
    return end(incarnation, {});
  }

  Status end(const Incarnation& incarnation,
             const std::vector<UsageReport>& last_reports) override {
    if (Status sound = check(incarnation, last_reports); !sound) return sound;
    if (has_ended(incarnation)) return Nothing{};
    Shares shares = shares_of(incarnation);
    for (const UsageReport& report : last_reports) {
      const Share last = end_share(shares[report.account], &report);
      if (!fits(others_of(incarnation, report.account), last))
        return Error{"the totals would be too much"};
      shares[report.account] = last;
    }
    for (auto& [account, share] : shares) share = end_share(share, nullptr);
    open_.erase(incarnation);
    ended_shares_.emplace_back(incarnation, std::move(shares));
    std::vector<std::uint64_t>& ended = ended_ids_[incarnation.relay_id];
    ended.push_back(incarnation.id);
    if (ended.size() > ended_incarnations_max) ended.erase(ended.begin());
    return Nothing{};
  }

  Result<std::vector<Incarnation>> open_incarnations(const std::string& relay_id) override {
    std::vector<Incarnation> found;
    for (const auto& [incarnation, shares] : open_)
      if (incarnation.relay_id == relay_id) found.push_back(incarnation);
    return found;
  }

  Result<std::vector<AccountUsage>> usage(UnixSeconds since_s) override {
    std::map<AccountKey, AccountUsage> sums;
    const auto add = [&](const Shares& shares) {
      for (const auto& [account, share] : shares) {
        if (account.period_start_s < since_s) continue;
        AccountUsage& sum = sums[account];
        sum.account = account;
        sum.used += share.used;
        sum.charged_octets += share.charged_octets;
        sum.granted_octets += share.granted_octets;
      }
    };
    for (const auto& [incarnation, shares] : open_) add(shares);
    for (const auto& [incarnation, shares] : ended_shares_) add(shares);
    std::vector<AccountUsage> found;
    for (auto& [account, sum] : sums) found.push_back(std::move(sum));
    return found;
  }

  Status revoke(const std::string& what, UnixSeconds revoked_at_s,
                UnixSeconds forget_after_s) override {
    if (what.empty() || what.size() > revocation_octets_max) return Error{"not of a fitting size"};
    std::map<std::string, Revocation> kept = revocations_;
    std::erase_if(kept,
                  [&](const auto& entry) { return entry.second.forget_after_s <= revoked_at_s; });
    if (kept.size() - kept.count(what) >= revocations_max) return Error{"too many revocations"};
    Revocation& entry =
        kept.try_emplace(what, Revocation{what, revoked_at_s, forget_after_s}).first->second;
    entry.revoked_at_s = std::max(entry.revoked_at_s, revoked_at_s);
    entry.forget_after_s = std::max(entry.forget_after_s, forget_after_s);
    revocations_ = std::move(kept);
    return Nothing{};
  }

  Result<std::vector<Revocation>> revocations(UnixSeconds now_s) override {
    std::vector<Revocation> found;
    for (const auto& [what, entry] : revocations_)
      if (now_s < entry.forget_after_s) found.push_back(entry);
    return found;
  }

  /// What it holds of one incarnation, ended or not, in one account.
  [[nodiscard]] Share share_of(const Incarnation& incarnation, const AccountKey& account) const {
    const auto in = [&](const Shares& shares) {
      const auto share = shares.find(account);
      return share == shares.end() ? Share{} : share->second;
    };
    if (const auto open = open_.find(incarnation); open != open_.end()) return in(open->second);
    for (const auto& [ended, shares] : ended_shares_)
      if (ended == incarnation) return in(shares);
    return {};
  }

  [[nodiscard]] bool has_ended(const Incarnation& incarnation) const {
    const auto ended = ended_ids_.find(incarnation.relay_id);
    return ended != ended_ids_.end() && std::find(ended->second.begin(), ended->second.end(),
                                                  incarnation.id) != ended->second.end();
  }

 private:
  using Shares = std::map<AccountKey, Share>;

  static Status check(const Incarnation& incarnation, const std::vector<UsageReport>& reports) {
    if (!is_relay_id(incarnation.relay_id) || incarnation.id == 0)
      return Error{"not an incarnation"};
    for (const UsageReport& report : reports)
      if (Status sound = check_report(report); !sound) return sound;
    return Nothing{};
  }

  Shares shares_of(const Incarnation& incarnation) const {
    const auto known = open_.find(incarnation);
    return known == open_.end() ? Shares{} : known->second;
  }

  OthersTotals others_of(const Incarnation& reporter, const AccountKey& account) const {
    OthersTotals others;
    const auto add = [&](const Shares& shares) {
      const auto share = shares.find(account);
      if (share == shares.end()) return;
      others.granted_octets += share->second.granted_octets;
      others.charged_octets += share->second.charged_octets;
      others.used += share->second.used;
      if (share->second.granted_octets > share->second.charged_octets) ++others.holders;
    };
    for (const auto& [incarnation, shares] : open_)
      if (incarnation != reporter) add(shares);
    for (const auto& [incarnation, shares] : ended_shares_) add(shares);
    return others;
  }

  bool fits(const OthersTotals& others, const Share& share) const {
    const std::array<std::uint64_t, 6> sums{
        others.granted_octets + share.granted_octets,
        others.charged_octets + share.charged_octets,
        others.used.octets[0] + share.used.octets[0],
        others.used.octets[1] + share.used.octets[1],
        others.used.packets[0] + share.used.packets[0],
        others.used.packets[1] + share.used.packets[1],
    };
    return std::all_of(sums.begin(), sums.end(),
                       [&](std::uint64_t sum) { return sum <= amount_max_; });
  }

  std::uint64_t amount_max_;
  std::map<Incarnation, Shares> open_;
  std::vector<std::pair<Incarnation, Shares>> ended_shares_;
  std::map<std::string, std::vector<std::uint64_t>> ended_ids_;  // in the order they ended
  std::map<std::string, Revocation> revocations_;
};

}  // namespace broker
