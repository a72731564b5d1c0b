#include "api/event_watch.h"

#include <algorithm>

namespace plugin {

namespace {

using Clients = std::vector<WatchedClient>;

}  // namespace

std::optional<std::string_view> sees(const Watch& watch, const Event& event) {
  if (const auto* csp = std::get_if<std::string>(&watch))
    return *csp == event.csp ? std::optional<std::string_view>("") : std::nullopt;
  for (const WatchedClient& client : *std::get_if<Clients>(&watch)) {
    if (client.token.csp != event.csp || client.token.media != event.media) continue;
    if (event.kind != EventKind::cut) return "";
    if (client.token.client_name == event.client) return client.client_id;
  }
  return std::nullopt;
}

std::vector<AccountName> watched_accounts(const Watch& watch, const broker::Config& config) {
  std::vector<AccountName> accounts;
  if (const auto* csp = std::get_if<std::string>(&watch)) {
    if (const auto found = config.csps.find(*csp); found != config.csps.end())
      for (const auto& [media, quota] : found->second.quotas) accounts.emplace_back(*csp, media);
    return accounts;
  }
  for (const WatchedClient& client : *std::get_if<Clients>(&watch)) {
    AccountName account{client.token.csp, client.token.media};
    if (std::find(accounts.begin(), accounts.end(), account) == accounts.end())
      accounts.push_back(std::move(account));
  }
  return accounts;
}

broker::UnixSeconds first_expiry_s(const Watch& watch) {
  const auto* clients = std::get_if<Clients>(&watch);
  if (clients == nullptr || clients->empty()) return 0;
  return std::min_element(clients->begin(), clients->end(),
                          [](const WatchedClient& a, const WatchedClient& b) {
                            return a.token.expiry_s < b.token.expiry_s;
                          })
      ->token.expiry_s;
}

}  // namespace plugin
