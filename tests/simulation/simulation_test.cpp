// Many random lives of a fleet. Of each failing one the seed and the last events are told;
// SIMULATION_SEED=… repeats it, SIMULATION_SEEDS=… makes more of them than usual, from
// SIMULATION_FIRST=… on.
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "simulation/run.h"

using namespace simulation;

namespace {

#ifdef SIMULATION_SANITIZED
constexpr std::uint64_t usual_seeds = 60;
#else
constexpr std::uint64_t usual_seeds = 800;
#endif

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// The last lines of a trace, as many as a person reads.
std::string end_of(const std::string& trace) {
  constexpr std::size_t octets_max = 12'000;
  if (trace.size() <= octets_max) return trace;
  return trace.substr(trace.find('\n', trace.size() - octets_max) + 1);
}

}  // namespace

TEST_CASE("no fleet exceeds its limits, and every octet is settled") {
  const std::uint64_t only = number_of("SIMULATION_SEED", 0);
  const std::uint64_t first = only != 0 ? only : number_of("SIMULATION_FIRST", 1);
  const std::uint64_t seeds = only != 0 ? 1 : number_of("SIMULATION_SEEDS", usual_seeds);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t relayed = 0;
  std::uint64_t exhausted = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t last_places = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Scenario scenario = scenario_of(seed);
    Fleet fleet(scenario);
    try {
      fleet.run();
    } catch (const Violation&) {
      const auto failure = failure_of(scenario);
      UNSCOPED_INFO((failure ? end_of(failure->trace) + failure->what : "not when repeated"));
      FAIL_CHECK("SIMULATION_SEED=" << seed);
    }
    relayed += fleet.relayed();
    exhausted += fleet.exhausted_accounts();
    last_places += fleet.last_places();
    forgotten += fleet.forgotten() != 0 ? 1 : 0;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << seeds << " seeds, "
            << static_cast<std::uint64_t>(static_cast<double>(seeds * scenario_steps) /
                                          took.count())
            << " steps/s, " << relayed << " octets, " << exhausted << " accounts used up, "
            << last_places << " allocations in the last place, " << forgotten
            << " runs in which a store granted without knowing of all\n";
  // Else nothing was put to the test.
  if (only == 0) CHECK(exhausted > seeds);
  if (only == 0) CHECK(last_places > 5 * seeds);
}

TEST_CASE("a run is its seed") {
  const auto trace_of = [](std::uint64_t seed) {
    Fleet fleet(scenario_of(seed));
    fleet.note_details();
    fleet.run();
    return fleet.trace();
  };
  CHECK(trace_of(3) == trace_of(3));
  CHECK(trace_of(3) != trace_of(4));
}
