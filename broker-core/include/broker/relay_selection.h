// Which relay a client gets, and which ones if that fails. Pure: chance, turns and ages come in.
// Owner: pure functions over values. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinates.h"
#include "broker/relay_status.h"
#include "broker/selection_rules.h"

namespace broker {

/// A relay that is used more than this gets clients only when all are.
inline constexpr double spill_load = 0.8;
/// A relay that has told nothing for so long counts as gone, also where nobody says so: five heartbeats of a
/// large fleet.
inline constexpr std::int64_t relay_stale_ms = 20'000;
/// Relays that are so much farther than the nearest count as equally near: one data centre, one city.
inline constexpr double same_place_km = 50;

struct RelayCandidate {
  const RelayStatus* status = nullptr;  ///< never null
  std::int64_t age_ms = 0;              ///< since its heartbeat came in
  std::uint64_t arrivals = 0;           ///< clients sent there since then
};

struct SelectionRequest {
  std::string_view csp{};
  std::string_view client_name{};
  std::optional<Coordinates> place{};  ///< of the client
  std::uint64_t turn = 0;              ///< how many were asked for before it; for round_robin
  std::string_view preferred{};        ///< a relay id: it comes first if it can be had at all
};

enum class SelectionOutcome : std::uint8_t {
  found,
  no_relay,            ///< there is none at all
  none_in_domains,     ///< there are, but none in the CSP's domains
  none_takes_clients,  ///< all that are in them are draining, unhealthy, full, stale or without URLs
};

struct Selection {
  SelectionOutcome outcome = SelectionOutcome::no_relay;
  std::vector<std::string> relay_ids;  ///< the best first, then fallbacks; empty unless found
  std::string reason;                  ///< a sentence for who asked; empty when found
};

/// Any 64 bits each time.
using RandomBits = std::function<std::uint64_t()>;

/// At most 1 + rules.fallbacks relays, each once. Takes time in proportion to candidates x fallbacks.
[[nodiscard]] Selection select_relays(std::span<const RelayCandidate> candidates,
                                      const SelectionRules& rules, const SelectionRequest& request,
                                      const RandomBits& random);

}  // namespace broker
