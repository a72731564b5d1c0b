// What the broker thread of one relay costs: the real broker with its ledger in Redis and its HTTP API
// listening, driven as coturn drives it, with the calls of the traffic mix; alone, and in a fleet whose
// other relays only tell that they are there.
// Owner: main. Threads: the relay thread is the caller's; the others belong to their parts.
#pragma once

#include <nlohmann/json.hpp>

#include "options.h"

namespace fleet_bench {

/// Throws when it cannot be run. `options.relays` is the size of the fleet.
[[nodiscard]] nlohmann::json run_broker(const Options& options);

}  // namespace fleet_bench
