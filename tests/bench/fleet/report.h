// From what was measured to the figures of a fleet's run.
// Owner: pure functions over values. Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "measured.h"
#include "options.h"
#include "redis_probe.h"
#include "wire_tap.h"

namespace fleet_bench {

/// All counters at one moment.
struct Sample {
  ServerState server;
  Measured measured;
  SentByKind sent;
  double cpu_s = 0;  ///< of this process
};

[[nodiscard]] nlohmann::json report(const Options& options, const Sample& before,
                                    const Sample& after, const Measured& at_end,
                                    std::optional<std::uint64_t> ledger_octets,
                                    std::uint64_t errors);

}  // namespace fleet_bench
