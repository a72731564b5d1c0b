// Seeds that found a defect. Each failed before its defect was mended, in the words of its test's name.
#include <catch2/catch.hpp>

#include "simulation/run.h"

using namespace simulation;

namespace {

void check(std::uint64_t seed) {
  const auto failure = failure_of(scenario_of(seed));
  INFO((failure ? failure->what : ""));
  CHECK_FALSE(failure.has_value());
}

}  // namespace

TEST_CASE("a relay gives back what it holds beyond the ledger's answer") { check(454); }

TEST_CASE("a wall clock that is set back into a period that is over resets no totals") {
  check(11);
}

TEST_CASE("a ledger that forgot is told of accounts that were erased meanwhile") { check(1480); }

TEST_CASE(
    "an account is not erased while allocations of the earlier period have yet to move to it") {
  check(106);
}
