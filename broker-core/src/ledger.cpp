#include "broker/ledger.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "broker/names.h"

namespace broker {

namespace {

/// What others and the reporter's own kept octets leave of the limit decides; see decide_grant.
std::uint64_t decide(std::uint64_t limit, std::uint64_t charged, std::uint64_t granted,
                     std::uint64_t wanted, std::uint64_t granted_to_others) {
  const std::uint64_t kept = std::max(granted, charged);
  const std::uint64_t allowed = saturating_sub(limit, granted_to_others);
  if (kept > allowed) return std::max(charged, allowed);
  return kept + std::min(wanted, allowed - kept);
}

UsedTotals larger_of_each(const UsedTotals& a, const UsedTotals& b) {
  UsedTotals larger;
  for (std::size_t i = 0; i < 2; ++i) {
    larger.octets[i] = std::max(a.octets[i], b.octets[i]);
    larger.packets[i] = std::max(a.packets[i], b.packets[i]);
  }
  return larger;
}

}  // namespace

std::uint64_t decide_grant(const UsageReport& report, const OthersTotals& others) {
  return decide(report.limit_octets, report.charged_octets, report.granted_octets,
                report.wanted_octets, others.granted_octets);
}

std::uint64_t remaining_after(std::uint64_t limit_octets, std::uint64_t granted_octets,
                              const OthersTotals& others) {
  return saturating_sub(saturating_sub(limit_octets, others.granted_octets), granted_octets);
}

Settlement settle_report(const Share& stored, const UsageReport& report,
                         const OthersTotals& others) {
  const auto answer = [&](std::uint64_t granted, const Share& share) {
    return Grant{granted,
                 remaining_after(report.limit_octets, share.granted_octets, others),
                 others.charged_octets,
                 others.used,
                 saturating_sub(others.granted_octets, others.charged_octets),
                 others.holders,
                 false};
  };
  const bool numbered = report.sequence != 0;
  if (numbered && report.sequence <= stored.sequence)
    return {stored, answer(stored.granted_octets, stored)};

  Share share;
  if (numbered) {
    share = {report.used, report.charged_octets, 0, report.sequence};
  } else {
    share = {larger_of_each(stored.used, report.used),
             std::max(stored.charged_octets, report.charged_octets), 0, stored.sequence};
  }
  const std::uint64_t granted =
      decide(report.limit_octets, share.charged_octets, report.granted_octets, report.wanted_octets,
             others.granted_octets);
  // What the relay keeps counts until it reports that it gave it back.
  share.granted_octets = std::max({granted, report.granted_octets, share.charged_octets});
  return {share, answer(granted, share)};
}

Share end_share(const Share& stored, const UsageReport* last_report) {
  Share share = stored;
  if (last_report != nullptr) share = settle_report(stored, *last_report, {}).share;
  share.granted_octets = share.charged_octets;
  return share;
}

Share written_off_share(const Share& stored) {
  Share share = stored;
  share.charged_octets = std::max(stored.charged_octets, stored.granted_octets);
  share.granted_octets = share.charged_octets;
  return share;
}

Status check_report(const UsageReport& report) {
  const AccountKey& key = report.account;
  const auto refuse = [&](const std::string& what) {
    return Error{"account " + for_log(key.csp, csp_id_octets_max) + "/" +
                 std::string(to_string(key.media)) + "/" + for_log(key.client) + ": " + what};
  };
  if (key.csp.empty() || key.csp.size() > csp_id_octets_max)
    return refuse("the CSP's id has " + std::to_string(key.csp.size()) + " octets; 1 to " +
                  std::to_string(csp_id_octets_max) + " are allowed");
  if (key.client.size() > client_name_octets_max)
    return refuse("the client name has " + std::to_string(key.client.size()) + " octets; at most " +
                  std::to_string(client_name_octets_max) + " are allowed");
  if (to_string(key.media).empty()) return refuse("the media type is not one");
  const std::array<std::pair<std::string_view, std::uint64_t>, 8> amounts{{
      {"limit_octets", report.limit_octets},
      {"charged_octets", report.charged_octets},
      {"granted_octets", report.granted_octets},
      {"wanted_octets", report.wanted_octets},
      {"used client_to_peer octets", report.used.octets[0]},
      {"used peer_to_client octets", report.used.octets[1]},
      {"used client_to_peer packets", report.used.packets[0]},
      {"used peer_to_client packets", report.used.packets[1]},
  }};
  for (const auto& [name, amount] : amounts)
    if (amount > octets_max)
      return refuse(std::string(name) + " is " + std::to_string(amount) +
                    "; at most 2^63-1 is allowed");
  if (report.sequence > octets_max) return refuse("sequence is more than 2^63-1");
  return Nothing{};
}

namespace {

std::uint64_t target_octets(const GrantSize& size, double octets_per_s) {
  const double needed = octets_per_s * size.refill_s;
  // Written so that a rate that is not a number asks for the least.
  if (needed >= static_cast<double>(size.grant_max_octets)) return size.grant_max_octets;
  const auto whole = needed > 0 ? static_cast<std::uint64_t>(std::ceil(needed)) : 0;
  return std::min(std::max(whole, size.grant_min_octets), size.grant_max_octets);
}

std::uint64_t unless_half_is_left(std::uint64_t target, std::uint64_t unspent) {
  return unspent > target / 2 ? 0 : target;
}

}  // namespace

std::uint64_t wanted_octets(const GrantSize& size, std::uint64_t unspent_octets,
                            double octets_per_s) {
  return unless_half_is_left(target_octets(size, octets_per_s), unspent_octets);
}

std::uint64_t wanted_share_octets(const GrantSize& size, std::uint64_t unspent_octets,
                                  double octets_per_s, std::uint64_t remaining_octets,
                                  std::uint32_t holders) {
  const std::uint64_t share = remaining_octets / 2 / (std::uint64_t{holders} + 1);
  const std::uint64_t target =
      std::min(target_octets(size, octets_per_s), std::max(share, size.share_min_octets));
  return unless_half_is_left(target, unspent_octets);
}

}  // namespace broker
