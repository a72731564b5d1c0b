// How tests run a fleet: what went wrong, if anything did.
// Owner: the test. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "simulation/fleet.h"

namespace simulation {

/// What did not hold; nothing when all did. A run that failed is repeated for its trace.
struct Failure {
  std::string what;
  std::string trace;
};

[[nodiscard]] inline std::optional<Failure> failure_of(const Scenario& scenario) {
  const auto attempt = [&](bool detailed) -> std::optional<Failure> {
    Fleet fleet(scenario);
    if (detailed) fleet.note_details();
    try {
      fleet.run();
    } catch (const Violation& violation) {
      return Failure{violation.what(), fleet.trace()};
    }
    return std::nullopt;
  };
  return attempt(false) ? attempt(true) : std::nullopt;
}

}  // namespace simulation
