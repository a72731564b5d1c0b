// How many exchanges one server takes: the real script, ledger and client, reports and refills of many
// relays, as fast as the answers come, or at a given rate.
// Owner: main. Threads: one, which runs the event base.
#pragma once

#include <nlohmann/json.hpp>

#include "options.h"

namespace fleet_bench {

/// Throws when it cannot be run.
[[nodiscard]] nlohmann::json run_saturation(const Options& options);

}  // namespace fleet_bench
