#include "ctl/fleet_json.h"

#include <fmt/format.h>

namespace plugin {

namespace {

using broker::saturating_sub;
using http::Json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json start_or_null(broker::UnixSeconds start_s) {
  return start_s == 0 ? Json(nullptr) : Json(broker::format_utc(start_s));
}

Json row(const RelayView& relay) {
  const broker::RelayStatus& status = relay.status;
  return {
      {"relay", status.id},
      {"self", relay.self},
      {"domain", or_null(status.domain)},
      {"region", or_null(status.region)},
      {"version", status.version},
      {"incarnation", fmt::format("{:016x}", status.incarnation)},
      {"up", relay.up},
      {"healthy", status.healthy},
      {"reason", or_null(status.reason)},
      {"draining", status.draining},
      {"allocations", status.allocations},
      {"allocations_max", or_null(status.allocations_max)},
      {"capacity_bits_per_s", status.capacity ? Json(status.capacity->bits_per_s) : Json(nullptr)},
      {"client_to_peer_octets_per_s", status.octets_per_s[0]},
      {"peer_to_client_octets_per_s", status.octets_per_s[1]},
      {"cpu", status.cpu},
      {"dropped_packets_per_s", status.dropped_packets_per_s},
      {"heartbeat_age_s", static_cast<double>(relay.age_ms) / 1'000}};
}

Json row(const DomainView& domain) {
  return {{"domain", or_null(domain.domain)},
          {"relays", domain.relays},
          {"up", domain.up},
          {"healthy", domain.healthy},
          {"draining", domain.draining},
          {"allocations", domain.allocations},
          {"allocations_max", or_null(domain.allocations_max)},
          {"capacity_bits_per_s", or_null(domain.capacity_bits_per_s)},
          {"client_to_peer_octets_per_s", domain.octets_per_s[0]},
          {"peer_to_client_octets_per_s", domain.octets_per_s[1]}};
}

/// What of the totals no share has: ended incarnations used it.
broker::Share left_by_ended(const broker::AccountBooks& books) {
  broker::Share left = books.totals;
  for (const broker::BookedShare& booked : books.shares) {
    const broker::Share& share = booked.share;
    left.charged_octets = saturating_sub(left.charged_octets, share.charged_octets);
    left.granted_octets = saturating_sub(left.granted_octets, share.granted_octets);
    for (std::size_t d = 0; d < 2; ++d)
      left.used.octets.at(d) = saturating_sub(left.used.octets.at(d), share.used.octets.at(d));
  }
  return left;
}

Json share_row(const Json& relay, const Json& incarnation, std::string_view state,
               const broker::Share& share) {
  return {{"relay", relay},
          {"incarnation", incarnation},
          {"state", state},
          {"used_octets", share.charged_octets},
          {"granted_octets", share.granted_octets},
          {"client_to_peer_octets", share.used.octets[0]},
          {"peer_to_client_octets", share.used.octets[1]}};
}

Json shares_of(const broker::AccountBooks& books) {
  Json rows = Json::array();
  for (const broker::BookedShare& booked : books.shares)
    rows.push_back(share_row(or_null(booked.who.relay_id), fmt::format("{:016x}", booked.who.id),
                             to_string(booked.state), booked.share));
  const broker::Share left = left_by_ended(books);
  if (left.used.all_octets() != 0 || left.granted_octets != 0)
    rows.push_back(share_row(nullptr, nullptr, "ended", left));
  return rows;
}

Json row(const LedgerAccount& account, bool by_relay) {
  const broker::AccountBooks& books = account.books;
  Json out{{"csp", books.account.csp},
           {"media", broker::to_string(books.account.media)},
           {"period", account.period},
           {"period_start", start_or_null(books.account.period_start_s)}};
  if (!books.account.client.empty()) out["client"] = books.account.client;
  out["limit_octets"] = or_null(account.limit_octets);
  out["used_octets"] = books.totals.charged_octets;
  out["granted_octets"] = books.totals.granted_octets;
  out["client_to_peer_octets"] = books.totals.used.octets[0];
  out["peer_to_client_octets"] = books.totals.used.octets[1];
  out["client_to_peer_packets"] = books.totals.used.packets[0];
  out["peer_to_client_packets"] = books.totals.used.packets[1];
  if (!books.damage.empty()) out["damaged"] = true;
  if (by_relay) out["relays"] = shares_of(books);
  return out;
}

Json row(const broker::Finding& finding) {
  const auto& account = finding.account;
  Json out{{"kind", to_string(finding.kind)},
           {"fault", is_fault(finding.kind)},
           {"csp", account ? Json(account->csp) : Json(nullptr)},
           {"media", account ? Json(broker::to_string(account->media)) : Json(nullptr)},
           {"period_start", account ? start_or_null(account->period_start_s) : Json(nullptr)}};
  if (account && !account->client.empty()) out["client"] = account->client;
  out["relay"] = or_null(finding.relay);
  out["account"] = account ? Json(broker::account_text(*account)) : Json(nullptr);
  out["text"] = finding.text;
  return out;
}

void say_if_truncated(Json& out, std::size_t rows, std::uint64_t total) {
  if (total <= rows) return;
  out["truncated"] = true;
  out["total"] = total;
}

}  // namespace

Json relays_json(std::span<const RelayView> relays) {
  Json rows = Json::array();
  for (const RelayView& relay : relays) rows.push_back(row(relay));
  return {{"relays", std::move(rows)}};
}

Json domains_json(std::span<const DomainView> domains) {
  Json rows = Json::array();
  for (const DomainView& domain : domains) rows.push_back(row(domain));
  return {{"domains", std::move(rows)}};
}

Json ledger_usage_json(const LedgerUsage& usage, bool by_relay) {
  Json rows = Json::array();
  for (const LedgerAccount& account : usage.accounts) rows.push_back(row(account, by_relay));
  Json out{{"accounts", std::move(rows)}, {"complete", usage.complete}};
  say_if_truncated(out, usage.accounts.size(), usage.total);
  return out;
}

Json ledger_check_json(const LedgerCheck& check) {
  Json rows = Json::array();
  for (const broker::Finding& finding : check.findings) rows.push_back(row(finding));
  Json out{{"ok", check.ok()},       {"complete", check.complete}, {"accounts", check.accounts},
           {"faults", check.faults}, {"notes", check.notes},       {"findings", std::move(rows)}};
  say_if_truncated(out, check.findings.size(), check.faults + check.notes);
  return out;
}

}  // namespace plugin
