#include "broker/relay_selection.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "rendezvous.h"
#include "weighted_turns.h"

namespace broker {

namespace {

/// A candidate that may be chosen, with what is reckoned of it once.
struct Eligible {
  const RelayStatus* status = nullptr;
  double load = 0;
  double distance_km = 0;  ///< infinite where a place is not known

  /// Relays of a higher weight get more clients for it, so they are as good when used as much more.
  [[nodiscard]] double weighted_load() const { return load / status->weight; }
};

using Pool = std::vector<Eligible>;

bool in_domains(const RelayStatus& relay, const SelectionRules& rules) {
  return rules.domains.empty() ||
         std::ranges::find(rules.domains, relay.domain) != rules.domains.end();
}

/// Why the candidate gets no clients; empty: it does.
std::string obstacle(const RelayCandidate& candidate) {
  const RelayStatus& relay = *candidate.status;
  if (candidate.age_ms > relay_stale_ms) return "not heard of lately";
  if (!relay.healthy) return relay.reason.empty() ? "unhealthy" : relay.reason;
  if (relay.draining) return "the relay is draining";
  if (is_full(relay)) return "the relay is full";
  if (relay.urls.empty()) return "the relay's configuration names no URLs ([relay] urls)";
  return "";
}

double distance_of(const RelayStatus& relay, const std::optional<Coordinates>& client) {
  if (!client || !relay.place) return std::numeric_limits<double>::infinity();
  return distance_km(*client, *relay.place);
}

/// Uniform in [0, end).
std::uint64_t draw(const RandomBits& random, std::uint64_t end) {
  // The remainder is uneven by less than one part in 2^38: sums of weights are below 2^26.
  return random() % end;
}

/// One of the pool, the more likely the higher its weight; not the one at `without`.
std::size_t draw_weighted(const Pool& pool, const RandomBits& random, std::size_t without) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < pool.size(); ++i)
    if (i != without) sum += pool[i].status->weight;
  std::uint64_t ticket = draw(random, sum);
  for (std::size_t i = 0; i < pool.size(); ++i) {
    if (i == without) continue;
    if (ticket < pool[i].status->weight) return i;
    ticket -= pool[i].status->weight;
  }
  return 0;
}

/// Always the least used would be the same for all who ask before the next heartbeat.
std::size_t better_of_two(const Pool& pool, const RandomBits& random) {
  constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
  const std::size_t first = draw_weighted(pool, random, nobody);
  if (pool.size() == 1) return first;
  const std::size_t second = draw_weighted(pool, random, first);
  return pool[second].weighted_load() < pool[first].weighted_load() ? second : first;
}

std::size_t next_in_turn(const Pool& pool, std::uint64_t turn) {
  std::vector<std::uint32_t> weights;
  weights.reserve(pool.size());
  for (const Eligible& each : pool) weights.push_back(each.status->weight);
  return whose_turn(weights, turn);
}

std::size_t home_of(const Pool& pool, const SelectionRequest& request) {
  const auto score = [&](const Eligible& each) {
    return rendezvous_score(request.csp, request.client_name, each.status->id, each.status->weight);
  };
  return static_cast<std::size_t>(std::ranges::max_element(pool, {}, score) - pool.begin());
}

/// Those of the pool that are as near as the nearest.
Pool nearest_of(const Pool& pool) {
  const double nearest = std::ranges::min_element(pool, {}, &Eligible::distance_km)->distance_km;
  Pool near;
  std::ranges::copy_if(pool, std::back_inserter(near), [&](const Eligible& each) {
    return each.distance_km <= nearest + same_place_km;
  });
  return near;
}

/// The best of a pool that is not empty.
const RelayStatus* pick(const Pool& all, const SelectionRules& rules,
                        const SelectionRequest& request, const RandomBits& random) {
  Pool pool;
  std::ranges::copy_if(all, std::back_inserter(pool),
                       [](const Eligible& each) { return each.load <= spill_load; });
  if (pool.empty()) pool = all;
  if (rules.strategy == SelectionStrategy::nearest) pool = nearest_of(pool);
  if (rules.sticky) return pool[home_of(pool, request)].status;
  switch (rules.strategy) {
    case SelectionStrategy::round_robin: return pool[next_in_turn(pool, request.turn)].status;
    case SelectionStrategy::least_load:
    case SelectionStrategy::nearest: break;
  }
  return pool[better_of_two(pool, random)].status;
}

Selection none(SelectionOutcome outcome, std::string reason) {
  return {outcome, {}, std::move(reason)};
}

/// One relay's own reason, or how many have which.
std::string all_obstacles(const std::vector<std::string>& obstacles) {
  if (obstacles.size() == 1) return obstacles.front();
  std::vector<std::pair<std::string, std::size_t>> counted;
  for (const std::string& each : obstacles) {
    const auto known =
        std::ranges::find(counted, each, &std::pair<std::string, std::size_t>::first);
    if (known == counted.end())
      counted.emplace_back(each, 1);
    else
      ++known->second;
  }
  constexpr std::size_t shown_max = 4;
  std::string text = "none of " + std::to_string(obstacles.size()) + " relays takes clients now";
  for (std::size_t i = 0; i < std::min(counted.size(), shown_max); ++i)
    text += (i == 0 ? ": " : "; ") + std::to_string(counted[i].second) + " x " + counted[i].first;
  return text;
}

}  // namespace

Selection select_relays(std::span<const RelayCandidate> candidates, const SelectionRules& rules,
                        const SelectionRequest& request, const RandomBits& random) {
  if (candidates.empty()) return none(SelectionOutcome::no_relay, "there is no relay");
  Pool pool;
  std::vector<std::string> obstacles;
  bool in_a_domain = false;
  for (const RelayCandidate& candidate : candidates) {
    if (!in_domains(*candidate.status, rules)) continue;
    in_a_domain = true;
    if (std::string why = obstacle(candidate); !why.empty())
      obstacles.push_back(std::move(why));
    else
      pool.push_back({candidate.status, load_of(*candidate.status, candidate.arrivals),
                      distance_of(*candidate.status, request.place)});
  }
  if (!in_a_domain)
    return none(SelectionOutcome::none_in_domains, "there is no relay in the CSP's domains");
  if (pool.empty()) return none(SelectionOutcome::none_takes_clients, all_obstacles(obstacles));

  // Turns and ties do not depend on the order in which relays came to be known.
  std::ranges::sort(pool, {},
                    [](const Eligible& each) -> const std::string& { return each.status->id; });
  Selection selection{SelectionOutcome::found, {}, {}};
  const auto take = [&](const RelayStatus* chosen) {
    selection.relay_ids.push_back(chosen->id);
    std::erase_if(pool, [&](const Eligible& each) { return each.status == chosen; });
  };
  const auto preferred =
      std::ranges::find(pool, request.preferred,
                        [](const Eligible& each) -> std::string_view { return each.status->id; });
  if (preferred != pool.end()) take(preferred->status);
  while (!pool.empty() && selection.relay_ids.size() < std::size_t{1} + rules.fallbacks)
    take(pick(pool, rules, request, random));
  return selection;
}

}  // namespace broker
