#include "broker/level.h"

#include <catch2/catch.hpp>

#include "broker/octets.h"

using broker::AccountLevel;
using broker::level_change;
using broker::level_of;
using broker::ToldLevel;
using Levels = std::vector<std::uint32_t>;

namespace {

const Levels usual{80, 95};

AccountLevel at(std::uint64_t used, std::uint64_t limit = 1'000, bool exhausted = false,
                const std::string& period = "2026-11") {
  return {period, limit, used, exhausted};
}

}  // namespace

TEST_CASE("a level is reached with the octet that makes the percentage whole") {
  CHECK(level_of(at(0), usual) == 0);
  CHECK(level_of(at(799), usual) == 0);
  CHECK(level_of(at(800), usual) == 80);
  CHECK(level_of(at(949), usual) == 80);
  CHECK(level_of(at(950), usual) == 95);
  CHECK(level_of(at(999), usual) == 95);
  CHECK(level_of(at(1'000), usual) == 100);
  CHECK(level_of(at(500, 1'000, true), usual) == 100);
  CHECK(level_of(at(5), {}) == 0);
  // 80 % of 999 is 799.2
  CHECK(level_of(at(799, 999), usual) == 0);
  CHECK(level_of(at(800, 999), usual) == 80);
}

TEST_CASE("the level of the largest amounts does not overflow") {
  const std::uint64_t most = broker::octets_max;
  CHECK(level_of(at(most / 100 * 80, most), usual) == 0);
  CHECK(level_of(at(most / 100 * 80 + 80, most), usual) == 80);
  CHECK(level_of(at(most - 1, most), usual) == 95);
  CHECK(level_of(at(most, most), usual) == 100);
}

TEST_CASE("each level is told once, in order, those passed over in between too") {
  ToldLevel told{"2026-11", 0, 1'000};
  const auto tell = [&](const AccountLevel& account) {
    const auto change = level_change(told, account, usual);
    told = change.told;
    CHECK_FALSE(change.restored);
    return change.reached;
  };
  CHECK(tell(at(10)).empty());
  CHECK(tell(at(810)) == Levels{80});
  CHECK(tell(at(811)).empty());
  CHECK(tell(at(1'000)) == Levels{95, 100});
  CHECK(tell(at(1'000, 1'000, true)).empty());
}

TEST_CASE("a raised limit restores an exhausted account, and levels it fell below are told again") {
  const ToldLevel told{"2026-11", 100, 1'000};
  const auto raised = level_change(told, at(1'000, 1'200), usual);
  CHECK(raised.restored);
  CHECK(raised.reached.empty());
  CHECK(raised.told == ToldLevel{"2026-11", 80, 1'200});
  CHECK(level_change(raised.told, at(1'140, 1'200), usual).reached == Levels{95});

  const auto raised_far = level_change(told, at(1'000, 10'000), usual);
  CHECK(raised_far.restored);
  CHECK(raised_far.told.level == 0);
  CHECK(level_change(raised_far.told, at(8'000, 10'000), usual).reached == Levels{80});
}

TEST_CASE("a raised limit restores even when hardly anything is left of it") {
  const auto change = level_change({"2026-11", 100, 1'000}, at(1'000, 1'001), usual);
  CHECK(change.restored);
  CHECK(change.told.level == 95);
}

TEST_CASE("a limit that was raised but not beyond what is used restores nothing") {
  const auto change = level_change({"2026-11", 100, 1'000}, at(1'500, 1'200, true), usual);
  CHECK_FALSE(change.restored);
  CHECK(change.reached.empty());
  CHECK(change.told.level == 100);
}

TEST_CASE("a few octets that the last packet did not fit in restore nothing") {
  const ToldLevel told{"2026-11", 100, 1'000};
  const auto held = level_change(told, at(995), usual);
  CHECK_FALSE(held.restored);
  CHECK(held.told == told);
  // Others gave back what they held.
  CHECK(level_change(told, at(900), usual).restored);
}

TEST_CASE("a new period restores an exhausted account and begins at nothing") {
  const ToldLevel told{"2026-11", 100, 1'000};
  const auto fresh = level_change(told, at(0, 1'000, false, "2026-12"), usual);
  CHECK(fresh.restored);
  CHECK(fresh.reached.empty());
  CHECK(fresh.told == ToldLevel{"2026-12", 0, 1'000});
  const auto late = level_change(told, at(960, 1'000, false, "2026-12"), usual);
  CHECK(late.restored);
  CHECK(late.reached == Levels{80, 95});
}

TEST_CASE("a new period that is exhausted from its start is told as such, not as restored") {
  const ToldLevel told{"2026-11", 100, 1'000};
  const auto change = level_change(told, at(0, 0, true, "2026-12"), usual);
  CHECK_FALSE(change.restored);
  CHECK(change.reached == Levels{100});
}

TEST_CASE("a new period of an account that was not exhausted says nothing") {
  const auto change = level_change({"2026-11", 95, 1'000}, at(0, 1'000, false, "2026-12"), usual);
  CHECK_FALSE(change.restored);
  CHECK(change.reached.empty());
}
