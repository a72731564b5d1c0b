// Chooses relays for those who ask the HTTP API, and keeps count of whom it sent where.
// Owner: ApiContext. Threads: the HTTP thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "api/standing.h"
#include "broker/config.h"
#include "broker/coordinates.h"
#include "broker/relay_selection.h"
#include "broker/result.h"
#include "clock.h"
#include "fleet/fleet_view.h"

namespace plugin {

/// What a client is told of the relays that it gets.
struct RelayChoice {
  std::string relay_id;           ///< the chosen one
  std::vector<std::string> urls;  ///< its own, then those of the fallbacks; each relay's best first
};

struct RelayWish {
  std::string_view csp;
  std::string_view client;
  std::optional<broker::Coordinates> place{};  ///< of the client
  std::string_view preferred{};                ///< the relay it was sent to before
};

class RelayChooser {
 public:
  /// Both are borrowed.
  RelayChooser(const FleetView& fleet, const Clock& clock, std::uint64_t seed)
      : fleet_(fleet), clock_(clock), random_(seed) {}

  /// By the rules of the CSP. This relay is as `standing` has it, others as they told. The error is
  /// why there is none.
  [[nodiscard]] broker::Result<RelayChoice> choose(const Standing& standing, const broker::Csp& csp,
                                                   const RelayWish& wish);

  /// Where a client's relay is, whatever its state; this relay when it is not known.
  [[nodiscard]] RelayChoice look_up(const Standing& standing, std::string_view relay_id) const;

 private:
  struct Arrivals {
    std::int64_t heartbeat_ms = 0;  ///< that they came after
    std::uint64_t count = 0;
  };

  [[nodiscard]] std::uint64_t arrivals_since(const broker::RelayStatus& status);
  [[nodiscard]] std::uint64_t next_turn(const Standing& standing, const broker::Csp& csp);
  void forget_gone(const std::vector<broker::RelayCandidate>& candidates);

  const FleetView& fleet_;
  const Clock& clock_;
  std::mt19937_64 random_;
  std::map<std::string, Arrivals, std::less<>> arrivals_;    ///< by relay; those of the fleet
  std::map<std::string, std::uint64_t, std::less<>> turns_;  ///< by CSP; those of the configuration
};

/// What a client tries first stands first: UDP, then TCP, then TLS over TCP, then DTLS, which
/// browsers do not speak; among equals as configured.
[[nodiscard]] std::vector<std::string> best_first(std::vector<std::string> urls);

}  // namespace plugin
