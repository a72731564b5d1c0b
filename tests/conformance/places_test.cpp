// What is promised of places (broker/places.h), against the model and a real Redis.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "conformance/places_stores.h"

using namespace conformance;
using broker::HolderMark;
using broker::Incarnation;
using broker::PlacesAnswer;
using broker::PlacesKey;
using broker::PlacesReport;

#define PLACES_TEST(name) \
  TEMPLATE_TEST_CASE(name, "[places]", ModelPlacesFixture, RedisPlacesFixture)

namespace {

const PlacesKey acme{"acme", broker::MediaType::video};
std::uint64_t last_sequence = 0;

PlacesReport report(std::uint64_t limit, std::uint64_t kept, std::uint64_t wanted = 0,
                    const PlacesKey& key = acme) {
  PlacesReport made;
  made.key = key;
  made.limit = limit;
  made.kept = kept;
  made.wanted = wanted;
  made.sequence = ++last_sequence;
  return made;
}

template <typename Fixture>
PlacesAnswer one(Fixture& fixture, const Incarnation& who, const PlacesReport& told) {
  return got(fixture.exchange(who, {told})).at(0);
}

/// The others that hold places, in order.
template <typename Fixture>
std::vector<HolderMark> holders(Fixture& fixture, const Incarnation& asker) {
  PlacesReport told = report(0, 0);
  told.tell_holders = true;
  auto others = one(fixture, asker, told).others;
  std::ranges::sort(others, {}, &HolderMark::who);
  return others;
}

std::string key_of(const PlacesKey& key) { return plugin::ledger_keys::places(key); }

}  // namespace

PLACES_TEST("the relays of a fleet never hold more places than the limit") {
  TestType fixture;
  CHECK(one(fixture, relay_a, report(10, 0, 6)).held == 6);
  const PlacesAnswer rest = one(fixture, relay_b, report(10, 0, 6));
  CHECK(rest.held == 4);
  CHECK(rest.held_by_others == 6);
  CHECK(rest.holders == 1);
  CHECK(one(fixture, relay_a, report(10, 6, 1)).held == 6);
  // One of b's allocations ends: a may have its place.
  CHECK(one(fixture, relay_b, report(10, 3)).held == 3);
  CHECK(one(fixture, relay_a, report(10, 6, 5)).held == 7);
}

PLACES_TEST("a raised limit counts at once, a lowered one takes nothing that is kept") {
  TestType fixture;
  CHECK(one(fixture, relay_a, report(5, 0, 9)).held == 5);
  CHECK(one(fixture, relay_b, report(5, 0, 1)).held == 0);
  CHECK(one(fixture, relay_b, report(7, 0, 9)).held == 2);
  CHECK(one(fixture, relay_a, report(3, 5, 1)).held == 5);
  CHECK(one(fixture, relay_a, report(3, 2, 1)).held == 2);
  CHECK(one(fixture, relay_b, report(3, 0, 9)).held == 1);
}

PLACES_TEST("places of other CSPs and media types are others") {
  TestType fixture;
  const PlacesKey audio{"acme", broker::MediaType::audio};
  const PlacesKey globex{"globex", broker::MediaType::video};
  const auto answers = got(fixture.exchange(
      relay_a, {report(3, 0, 9), report(4, 0, 9, audio), report(5, 0, 9, globex)}));
  CHECK(answers.at(0).held == 3);
  CHECK(answers.at(1).held == 4);
  CHECK(answers.at(2).held == 5);
}

PLACES_TEST("a late or repeated report of places does nothing, whatever it says") {
  TestType fixture;
  const PlacesReport early = report(10, 0, 2);
  PlacesReport late = report(10, 0, 9);
  const PlacesReport newest = report(10, 2, 3);
  CHECK(one(fixture, relay_a, early).held == 2);
  CHECK(one(fixture, relay_a, newest).held == 5);
  CHECK(one(fixture, relay_b, report(10, 0, 1)).held == 1);
  late.gone = holders(fixture, relay_a);
  for (const auto& told : {early, late, newest}) {
    CHECK(one(fixture, relay_a, told).held != 9);
    CHECK(one(fixture, relay_b, report(10, 1)).held_by_others == 0);
  }
}

PLACES_TEST("an incarnation that ends gives back all of its places, and has no more say") {
  TestType fixture;
  const Incarnation again{"a", 0xA2};
  one(fixture, relay_a, report(10, 0, 9));
  one(fixture, relay_a, report(7, 0, 9, {"globex", broker::MediaType::data}));
  fixture.end(relay_a);
  CHECK_FALSE(fixture.exchange(relay_a, {report(10, 9)}));
  CHECK(one(fixture, again, report(10, 0, 10)).held == 10);
  CHECK(one(fixture, relay_b, report(7, 0, 9, {"globex", broker::MediaType::data})).held == 7);
}

PLACES_TEST(
    "others that hold places are named with their last report, those that hold none are not") {
  TestType fixture;
  const Incarnation relay_c{"c", UINT64_MAX};
  one(fixture, relay_a, report(10, 0, 1));
  const auto of_a = last_sequence;
  one(fixture, relay_b, report(10, 0, 1));
  one(fixture, relay_b, report(10, 0));
  one(fixture, relay_c, report(10, 4));
  const auto of_c = last_sequence;
  CHECK(holders(fixture, {"d", 4}) == std::vector<HolderMark>{{relay_a, of_a}, {relay_c, of_c}});
  CHECK(one(fixture, {"d", 4}, report(10, 0)).others.empty());
  CHECK(one(fixture, {"d", 4}, report(10, 0)).holders == 2);
}

PLACES_TEST("a holder that is gone loses its places, unless it has reported since") {
  TestType fixture;
  one(fixture, relay_a, report(10, 0, 8));
  const auto gone = holders(fixture, relay_b);
  const auto wants = [&](const std::vector<HolderMark>& marks) {
    PlacesReport told = report(10, 0, 10);
    told.gone = marks;
    told.tell_holders = true;
    return one(fixture, relay_b, told);
  };
  SECTION("nothing was heard of it") {
    const PlacesAnswer all = wants(gone);
    CHECK(all.held == 10);
    CHECK(all.others.empty());
    CHECK(all.holders == 0);
    // Told again, or late.
    CHECK(wants(gone).held == 10);
    // It returns: its own word counts again, and nobody gets more.
    CHECK(one(fixture, relay_a, report(10, 3, 4)).held == 3);
    CHECK(one(fixture, relay_b, report(10, 9, 1)).held == 9);
    CHECK(one(fixture, relay_b, report(10, 6, 9)).held == 7);
  }
  SECTION("it has reported meanwhile") {
    one(fixture, relay_a, report(10, 8));
    CHECK(wants(gone).held == 2);
  }
  SECTION("nobody takes its own places from itself") {
    PlacesReport told = report(10, 8, 2);
    told.gone = gone;
    CHECK(one(fixture, relay_a, told).held == 10);
    CHECK(one(fixture, relay_b, report(10, 0, 1)).held == 0);
  }
  SECTION("marks of nobody are passed over") {
    CHECK(wants({{{"z", 1}, 1}, {{"a", 0xA2}, gone.at(0).sequence}}).held == 2);
  }
}

PLACES_TEST("one report of places out of bounds leaves the whole call without effect") {
  TestType fixture;
  PlacesReport bad = report(10, broker::places_max + 1, 0, {"globex", broker::MediaType::data});
  CHECK_FALSE(fixture.exchange(relay_a, {report(10, 0, 5), bad}));
  CHECK(one(fixture, relay_b, report(10, 0, 10)).held == 10);
}

TEST_CASE("places are not granted while the store learns what it may have forgotten") {
  RedisPlacesFixture fixture(400);
  const auto ask = [&](std::uint64_t kept) { return one(fixture, relay_a, report(10, kept, 3)); };
  CHECK(ask(0).held == 3);
  int told = 0;
  fixture.places().on_forgotten([&] { ++told; });
  (void)RedisFixture::server().cli({"FLUSHALL"});
  PlacesAnswer answer = ask(3);
  CHECK(answer.learning);
  CHECK(answer.held == 3);
  CHECK(told == 1);
  // What the other tells meanwhile counts.
  CHECK(one(fixture, relay_b, report(10, 6)).held == 6);
  while (answer.learning) answer = ask(3);
  CHECK(answer.held == 4);
}

TEST_CASE("an incarnation that told of places only is open until it ends") {
  RedisPlacesFixture fixture;
  one(fixture, relay_a, report(10, 0, 1));
  CHECK(got(fixture.redis().store().open_incarnations("a")) == std::vector{relay_a});
  fixture.end(relay_a);
  CHECK(got(fixture.redis().store().open_incarnations("a")).empty());
}

TEST_CASE("damaged keys of places are an error, and nothing is changed") {
  RedisPlacesFixture fixture;
  const auto refused = [&](const PlacesReport& told) {
    const auto answers = fixture.exchange(relay_a, {told});
    return answers ? "granted" : answers.error().message;
  };
  const auto set = [&](const std::string& field, const std::string& value) {
    (void)RedisFixture::server().cli({"HSET", key_of(acme), field, value});
  };
  SECTION("another type") {
    (void)RedisFixture::server().cli({"SET", key_of(acme), "mine"});
    CHECK(refused(report(10, 0, 1)).find("WRONGTYPE") != std::string::npos);
  }
  SECTION("a sum that is no number") {
    set("held", "lots");
    CHECK(refused(report(10, 0, 1)).find("DAMAGED") != std::string::npos);
  }
  SECTION("a share that is none") {
    set("s:a:00000000000000a1", "1");
    CHECK(refused(report(10, 0, 1)).find("DAMAGED") != std::string::npos);
  }
  SECTION("a share of more than the sum") {
    set("s:a:00000000000000a1", "5 1");
    CHECK(refused(report(10, 0, 1)).find("DAMAGED") != std::string::npos);
  }
  SECTION("a gone holder's share of more than the sum") {
    set("s:b:00000000000000b1", "5 1");
    PlacesReport told = report(10, 0, 1);
    told.gone = {{relay_b, 1}};
    CHECK(refused(told).find("DAMAGED") != std::string::npos);
  }
  CHECK(RedisFixture::server().cli({"HGET", key_of(acme), "holders"}).find('1') ==
        std::string::npos);
}

TEST_CASE("Redis and the model agree on three thousand random reports of places") {
  const std::uint64_t seed = seed_or(std::random_device{}());
  WARN("LEDGER_SEED=" << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  ModelPlacesFixture model;
  RedisPlacesFixture redis;
  const std::vector<PlacesKey> all_keys{
      acme, {"acme", broker::MediaType::audio}, {"globex", broker::MediaType::data}};
  std::uint64_t newest = 1;
  std::uint64_t sequence = 100;
  std::map<std::size_t, std::vector<HolderMark>> told;
  std::uint64_t granted = 0;
  for (int step = 0; step < 3'000; ++step) {
    INFO("LEDGER_SEED=" << seed << ", step " << step);
    newest += below(60) == 0 ? 1 : 0;
    const Incarnation who{std::string(1, static_cast<char>('a' + below(4))),
                          newest + 1 - std::min(below(4), newest)};
    if (below(60) == 0) {
      model.end(who);
      redis.end(who);
      continue;
    }
    std::vector<PlacesReport> reports;
    for (std::size_t i = 0; i < all_keys.size(); ++i) {
      if (below(2) == 0) continue;
      PlacesReport made = report(below(40), below(12), below(12), all_keys[i]);
      made.sequence = ++sequence - below(8);
      made.tell_holders = below(3) == 0;
      if (below(4) == 0) made.gone = told[i];
      reports.push_back(made);
    }
    if (reports.empty()) continue;
    auto expected = model.exchange(who, reports);
    auto found = redis.exchange(who, reports);
    if (expected && !found) FAIL(found.error().message);
    REQUIRE(expected.ok() == found.ok());
    if (!expected) continue;
    for (std::size_t i = 0; i < reports.size(); ++i) {
      PlacesAnswer& one = expected.value()[i];
      PlacesAnswer& other = found.value()[i];
      REQUIRE(one.held == other.held);
      REQUIRE(one.held_by_others == other.held_by_others);
      REQUIRE(one.holders == other.holders);
      std::ranges::sort(other.others, {}, &HolderMark::who);
      REQUIRE(one.others == other.others);
      granted += broker::saturating_sub(one.held, reports[i].kept);
      const auto key = std::ranges::find(all_keys, reports[i].key) - all_keys.begin();
      if (reports[i].tell_holders) told[static_cast<std::size_t>(key)] = one.others;
    }
  }
  CHECK(granted > 300);
}
