// Simulated relays against a real server, in real time: they join, warm up, are measured, and end; then
// the ledger is asked whether it knows every octet.
// Owner: main. Threads: one, which runs the event base.
#pragma once

#include <nlohmann/json.hpp>

#include "options.h"

namespace fleet_bench {

/// The figures; in `problem` what is wrong with them, if anything; and whether the simulator itself was
/// too `late` for them to mean something. Throws when it cannot be run at all.
[[nodiscard]] nlohmann::json run_fleet(const Options& options);

}  // namespace fleet_bench
