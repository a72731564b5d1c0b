// That a run can fail: each mistake that is planted in the simulated store or link is found within a few
// dozen seeds.
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "simulation/run.h"

using namespace simulation;

namespace {

constexpr std::uint64_t seeds_max = 400;

/// What the first run that fails fails by; empty when none does.
std::string found(Fault fault, const std::function<Scenario(std::uint64_t)>& scenario_from) {
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    Scenario scenario = scenario_from(seed);
    scenario.fault = fault;
    // Large fleets find nothing that small ones do not, only later.
    if (scenario.relays > 20) continue;
    Fleet fleet(scenario);
    try {
      fleet.run();
    } catch (const Violation& violation) {
      return std::string(violation.what()) + "; seed " + std::to_string(seed);
    }
  }
  return "";
}

std::string found(Fault fault) { return found(fault, scenario_of); }

/// A few relays that are often silent while they hold grants, and a store that is often emptied.
Scenario silent_holders(std::uint64_t seed) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.relays = 3;
  scenario.period_s = 1'000'000'000;
  scenario.trouble.flush = 12'000;
  scenario.trouble.quiet = 1'000;
  return scenario;
}

/// Relays that want more allocations than there may be, are cut off or silent often, and a store that
/// is emptied at times.
Scenario scarce_places(std::uint64_t seed) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.relays = 3;
  scenario.limit_octets = 1'000'000'000'000;
  scenario.period_s = 1'000'000'000;
  scenario.allocations = 4;
  scenario.trouble.partition = 2'000;
  scenario.trouble.quiet = 1'000;
  scenario.trouble.flush = 12'000;
  return scenario;
}

bool is_too_many(const std::string& what) {
  return what.find("allocations at once") != std::string::npos;
}

/// A few relays that are often cut off while they hold grants, and a store that is often emptied.
Scenario cut_off_holders(std::uint64_t seed) {
  Scenario scenario = silent_holders(seed);
  scenario.trouble.quiet = 0;
  scenario.trouble.partition = 300;
  return scenario;
}

/// Silent ones again, and the store's clock is often set.
Scenario silent_holders_and_leaps(std::uint64_t seed) {
  Scenario scenario = silent_holders(seed);
  scenario.trouble.store_clock = 500;
  return scenario;
}

bool is_over_limit(const std::string& what) { return what.find("limit") != std::string::npos; }

}  // namespace

TEST_CASE("a store that grants at once after it has forgotten is found") {
  CHECK(is_over_limit(found(Fault::store_never_learns)));
}

TEST_CASE("a store that learns for less than the validity time is found") {
  CHECK(is_over_limit(found(Fault::store_learns_briefly)));
}

TEST_CASE("a relay that takes a grant twice is found") {
  CHECK(is_over_limit(found(Fault::grants_taken_twice)));
}

TEST_CASE("a late report that lowers what a newer one said is found") {
  CHECK(found(Fault::reports_lower_totals) != "");
}

TEST_CASE("an end that gives back what was used is found") {
  CHECK(found(Fault::end_refunds_too_much) != "");
}

TEST_CASE("a store that grants without regard to other relays is found") {
  CHECK(is_over_limit(found(Fault::grants_ignore_others)));
}

TEST_CASE("a relay that goes on without contact is found") {
  CHECK(is_over_limit(found(Fault::validity_never_ends, cut_off_holders)));
  CHECK(found(Fault::none, cut_off_holders) == "");
}

TEST_CASE("relays that do not notice that the store was emptied are found") {
  CHECK(is_over_limit(found(Fault::nobody_looks, silent_holders)));
  CHECK(found(Fault::none, silent_holders) == "");
}

TEST_CASE("allocations that go on in places which are others' by now are found") {
  CHECK(is_too_many(found(Fault::places_never_lapse, scarce_places)));
  CHECK(found(Fault::none, scarce_places) == "");
}

TEST_CASE("a store that takes places from relays that live is found") {
  CHECK(is_too_many(found(Fault::places_of_the_living, scarce_places)));
}

TEST_CASE("a store that grants places while it learns is found") {
  CHECK(is_too_many(found(Fault::places_while_learning, scarce_places)));
}

TEST_CASE("why the store's clock must not leap ahead while it learns") {
  CHECK(is_over_limit(found(Fault::clock_leaps_in_learning, silent_holders_and_leaps)));
}
