#include "api/relay_chooser.h"

#include <algorithm>
#include <utility>

#include "http/message.h"

namespace plugin {

namespace {

using broker::RelayCandidate;
using broker::RelayStatus;

/// This relay as its own configuration and broker have it this moment; only its load is as old as its
/// heartbeat.
RelayStatus self_of(const Standing& standing, const Fleet& fleet) {
  const broker::RelayConfig& config = standing.config->relay;
  RelayStatus self = fleet.self;
  if (self.id.empty()) self.id = config.id;
  self.domain = config.domain;
  self.region = config.region;
  self.place = config.place;
  self.urls = config.urls;
  self.weight = config.weight;
  self.capacity = config.capacity;
  self.healthy = standing.unhealthy.empty();
  self.reason = standing.unhealthy;
  self.draining = standing.draining;
  // Whether it is full, the standing says.
  if (broker::is_full(self)) self.allocations = *self.allocations_max - 1;
  return self;
}

void add_urls(std::vector<std::string>& urls, const RelayStatus& relay) {
  // Relays behind one name have the same ones.
  for (std::string& url : best_first(relay.urls))
    if (std::ranges::find(urls, url) == urls.end()) urls.push_back(std::move(url));
}

const RelayStatus* find_in(const std::vector<RelayCandidate>& candidates, std::string_view id) {
  for (const RelayCandidate& candidate : candidates)
    if (candidate.status->id == id) return candidate.status;
  return nullptr;
}

}  // namespace

std::vector<std::string> best_first(std::vector<std::string> urls) {
  const auto rank = [](const std::string& url) {
    const bool secure = http::equal_without_case(std::string_view(url).substr(0, 6), "turns:");
    const bool udp = url.ends_with("?transport=udp");
    const bool tcp = url.ends_with("?transport=tcp");
    if (secure) return udp ? 3 : 2;
    return tcp ? 1 : 0;
  };
  std::ranges::stable_sort(urls, {}, rank);
  return urls;
}

broker::Result<RelayChoice> RelayChooser::choose(const Standing& standing, const broker::Csp& csp,
                                                 const RelayWish& wish) {
  const auto fleet = fleet_.get();
  const RelayStatus self = self_of(standing, *fleet);
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<RelayCandidate> candidates;
  candidates.reserve(1 + fleet->others.size());
  candidates.push_back({&self, 0, arrivals_since(self)});
  for (const KnownRelay& known : fleet->others)
    if (known.status.id != self.id)
      candidates.push_back({&known.status, now_ms - known.heard_ms, arrivals_since(known.status)});
  forget_gone(candidates);

  const broker::SelectionRequest request{.csp = wish.csp,
                                         .client_name = wish.client,
                                         .place = wish.place,
                                         .turn = next_turn(standing, csp),
                                         .preferred = wish.preferred};
  const auto selection =
      broker::select_relays(candidates, csp.selection, request, [this] { return random_(); });
  if (selection.relay_ids.empty()) return broker::Error{selection.reason};
  RelayChoice choice;
  choice.relay_id = selection.relay_ids.front();
  for (const std::string& id : selection.relay_ids) add_urls(choice.urls, *find_in(candidates, id));
  // Who comes back for the credentials of an earlier choice was counted then.
  if (choice.relay_id != wish.preferred) ++arrivals_.find(choice.relay_id)->second.count;
  return choice;
}

RelayChoice RelayChooser::look_up(const Standing& standing, std::string_view relay_id) const {
  const auto fleet = fleet_.get();
  for (const KnownRelay& known : fleet->others)
    if (known.status.id == relay_id) return {known.status.id, best_first(known.status.urls)};
  const RelayStatus self = self_of(standing, *fleet);
  return {self.id, best_first(self.urls)};
}

std::uint64_t RelayChooser::arrivals_since(const RelayStatus& status) {
  Arrivals& arrivals = arrivals_[status.id];
  if (arrivals.heartbeat_ms != status.heartbeat_ms) arrivals = {status.heartbeat_ms, 0};
  return arrivals.count;
}

std::uint64_t RelayChooser::next_turn(const Standing& standing, const broker::Csp& csp) {
  if (csp.selection.strategy != broker::SelectionStrategy::round_robin) return 0;
  const auto& known = standing.config->csps;
  if (turns_.size() > known.size())
    std::erase_if(turns_, [&](const auto& entry) { return !known.contains(entry.first); });
  return turns_[csp.id]++;
}

void RelayChooser::forget_gone(const std::vector<RelayCandidate>& candidates) {
  if (arrivals_.size() <= candidates.size()) return;
  std::erase_if(arrivals_,
                [&](const auto& entry) { return find_in(candidates, entry.first) == nullptr; });
}

}  // namespace plugin
