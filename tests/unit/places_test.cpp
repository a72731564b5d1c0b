#include "broker/places.h"

#include <catch2/catch.hpp>

#include "broker/silent_holders.h"

using broker::HolderMark;
using broker::Incarnation;
using broker::PlacesOthers;
using broker::PlacesReport;
using broker::PlacesShare;
using broker::settle_places;
using broker::SilentHolders;
using broker::spare_places;

namespace {

PlacesReport report(std::uint64_t limit, std::uint64_t kept, std::uint64_t wanted,
                    std::uint64_t sequence = 9) {
  PlacesReport made;
  made.key = {"acme", broker::MediaType::video};
  made.limit = limit;
  made.kept = kept;
  made.wanted = wanted;
  made.sequence = sequence;
  return made;
}

std::uint64_t held(const PlacesReport& told, std::uint64_t by_others) {
  return settle_places({}, told, {by_others, 1}).held;
}

}  // namespace

TEST_CASE("places are granted up to what the limit leaves, and never more") {
  CHECK(held(report(10, 0, 3), 0) == 3);
  CHECK(held(report(10, 2, 3), 4) == 5);
  CHECK(held(report(10, 2, 30), 4) == 6);
  CHECK(held(report(10, 2, 1), 8) == 2);
  CHECK(held(report(broker::places_max, 0, broker::places_max), 1) == broker::places_max - 1);
}

TEST_CASE("places that are kept are recorded, also beyond a limit that was lowered") {
  CHECK(held(report(10, 7, 0), 6) == 7);
  CHECK(held(report(3, 7, 5), 0) == 7);
  CHECK(held(report(0, 7, 5), 0) == 7);
}

TEST_CASE("fewer places kept are places given back") {
  CHECK(settle_places({8, 3}, report(10, 2, 0, 4), {}) == PlacesShare{2, 4});
}

TEST_CASE("a late or repeated report of places changes nothing") {
  const PlacesShare stored{5, 9};
  CHECK(settle_places(stored, report(10, 1, 9, 9), {}) == stored);
  CHECK(settle_places(stored, report(10, 9, 0, 8), {}) == stored);
  CHECK(settle_places(stored, report(10, 1, 0, 10), {}) == PlacesShare{1, 10});
}

TEST_CASE("spare places are few where many share, and none near the limit") {
  CHECK(spare_places(10'000, 0) == 256);
  CHECK(spare_places(800, 0) == 200);
  CHECK(spare_places(800, 9) == 20);
  CHECK(spare_places(3, 0) == 0);
  CHECK(spare_places(39, 9) == 0);
  CHECK(spare_places(0, 0) == 0);
  // All together leave most of what remains to whoever asks next.
  for (std::uint64_t remaining = 0; remaining < 2'000; ++remaining)
    for (const std::uint64_t others : {0U, 1U, 5U, 199U})
      REQUIRE(spare_places(remaining, others) * (others + 1) <= remaining / 4);
}

TEST_CASE("reports of places beyond their bounds are refused with the reason") {
  const auto refusal = [](const PlacesReport& told) {
    const auto status = broker::check_places(told);
    return status ? "" : status.error().message;
  };
  CHECK(refusal(report(1, 1, 1)).empty());
  CHECK(refusal(report(broker::places_max + 1, 0, 0)) ==
        "places of acme/video: limit is 2147483649; at most 2^31 is allowed");
  CHECK(refusal(report(0, broker::places_max + 1, 0)).find("kept is") != std::string::npos);
  CHECK(refusal(report(0, 0, broker::places_max + 1)).find("wanted is") != std::string::npos);
  CHECK(refusal(report(0, 0, 0, 0)).find("sequence is 0") != std::string::npos);
  CHECK(refusal(report(0, 0, 0, std::uint64_t{1} << 63)).find("sequence") != std::string::npos);
  PlacesReport nameless = report(1, 1, 1);
  nameless.key.csp.clear();
  CHECK(refusal(nameless).find("0 octets") != std::string::npos);
}

TEST_CASE("a holder is silent when its last report has stayed the same for long enough") {
  const Incarnation a{"a", 1};
  const Incarnation b{"b", 2};
  SilentHolders watched;
  CHECK(watched.empty());
  watched.saw({{a, 5}, {b, 7}}, 1'000);
  CHECK(watched.silent(1'999, 1'000).empty());
  watched.saw({{a, 5}, {b, 8}}, 1'900);
  CHECK(watched.silent(2'000, 1'000) == std::vector<HolderMark>{{a, 5}});
  CHECK(watched.silent(2'900, 1'000) == std::vector<HolderMark>{{a, 5}, {b, 8}});

  SECTION("one that was not named for a while is watched anew") {
    watched.saw({{b, 8}}, 2'000);
    watched.saw({{a, 5}, {b, 8}}, 2'100);
    CHECK(watched.silent(2'950, 1'000) == std::vector<HolderMark>{{b, 8}});
  }
  SECTION("one that the store was told of is forgotten") {
    watched.forget({{a, 5}});
    CHECK(watched.silent(9'000, 1'000) == std::vector<HolderMark>{{b, 8}});
    watched.forget({{b, 8}});
    CHECK(watched.empty());
  }
}
