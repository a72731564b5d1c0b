// kill -9 at random moments, under load and in the midst of everything else a relay does: nothing
// that was relayed is forgotten, and at most one packet per relay thread and kill is counted that
// was not relayed.
#include <algorithm>
#include <catch2/catch.hpp>

#include "campaign.h"

using namespace turntest;

namespace {

/// Half of them under load, the others in turn at each of the other moments; in random order.
std::vector<Moment> schedule(int rounds, std::mt19937_64& random) {
  std::vector<Moment> others;
  for (const auto& [moment, name] : moments)
    if (moment != Moment::load) others.push_back(moment);
  std::shuffle(others.begin(), others.end(), random);
  std::vector<Moment> schedule;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rounds); ++i)
    schedule.push_back(i % 2 == 0 ? Moment::load : others[i / 2 % others.size()]);
  std::shuffle(schedule.begin(), schedule.end(), random);
  return schedule;
}

}  // namespace

TEST_CASE("kill -9 at any moment loses no octet and invents at most one packet per relay thread") {
  const std::uint64_t seed = test_seed();
  std::mt19937_64 random(seed);
  Campaign campaign(seed);
  for (const Moment moment : schedule(rounds(100, 5), random)) campaign.round(moment);
  campaign.print_summary();
  CHECK(campaign.kills() >= rounds(100, 4));
}
