// What the handlers of the HTTP API share.
// Owner: ApiServer; the borrowed parts outlive it. Threads: the HTTP thread, but for what is borrowed.
#pragma once

#include <cstddef>
#include <random>

#include "api/broker_desk.h"
#include "api/rate_limiter.h"
#include "api/relay_chooser.h"
#include "api/standing.h"
#include "clock.h"
#include "fleet/fleet_view.h"

namespace plugin {

struct ApiContext {
  static constexpr std::size_t buckets_max = 65'536;

  const StandingBoard& board;
  const Clock& clock;
  BrokerDesk& desk;
  const FleetView& fleet;
  RateLimiter addresses{buckets_max};
  RateLimiter csps{buckets_max};
  RateLimiter wrong_keys{buckets_max};  ///< by address
  RelayChooser relays{fleet, clock, std::random_device{}()};
};

}  // namespace plugin
