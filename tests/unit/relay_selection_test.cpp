// Which relays may be chosen at all, and in what order they come.
#include "broker/relay_selection.h"

#include <catch2/catch.hpp>
#include <set>

#include "fleet.h"

using broker::SelectionOutcome;
using broker::SelectionStrategy;
using tests::Asker;

namespace {

constexpr std::uint64_t seed = 20'261'120;
constexpr SelectionStrategy all_strategies[] = {
    SelectionStrategy::least_load, SelectionStrategy::round_robin, SelectionStrategy::nearest};

constexpr broker::Coordinates berlin{52.52, 13.40};
constexpr broker::Coordinates frankfurt{50.11, 8.68};
constexpr broker::Coordinates virginia{38.95, -77.45};
constexpr broker::Coordinates tokyo{35.68, 139.69};

/// "fra", "fra2" (in the same city), "iad", "nrt".
std::vector<broker::RelayStatus> places() {
  std::vector<broker::RelayStatus> fleet{tests::relay("fra"), tests::relay("fra2"),
                                         tests::relay("iad"), tests::relay("nrt")};
  fleet[0].place = frankfurt;
  fleet[1].place = {50.05, 8.57};
  fleet[2].place = virginia;
  fleet[3].place = tokyo;
  return fleet;
}

broker::SelectionRequest from(const broker::Coordinates& place) {
  broker::SelectionRequest request;
  request.place = place;
  return request;
}

}  // namespace

TEST_CASE("a relay that drains, is unhealthy, full, stale or has no URLs is never chosen") {
  for (const auto strategy : all_strategies)
    for (const bool sticky : {false, true}) {
      Asker asker(tests::relays(6), {.strategy = strategy, .domains = {}, .sticky = sticky}, seed);
      asker.rules().fallbacks = broker::fallbacks_max;
      auto& fleet = asker.fleet();
      fleet[0].draining = true;
      fleet[1].healthy = false;
      fleet[2].allocations = *fleet[2].allocations_max;
      asker.ages_ms()["r3"] = broker::relay_stale_ms + 1;
      fleet[4].urls.clear();
      asker.ages_ms()["r5"] = broker::relay_stale_ms;
      for (std::uint64_t turn = 0; turn < 50; ++turn) {
        const auto selection = asker.select({.csp = "acme",
                                             .client_name = std::to_string(turn),
                                             .place = berlin,
                                             .turn = turn,
                                             .preferred = "r0"});
        CHECK(selection.outcome == SelectionOutcome::found);
        CHECK(selection.relay_ids == std::vector<std::string>{"r5"});
        CHECK(selection.reason.empty());
      }
    }
}

TEST_CASE("when there is no relay to choose the selection says why") {
  Asker nobody({}, {}, seed);
  CHECK(nobody.select().outcome == SelectionOutcome::no_relay);
  CHECK(nobody.select().reason == "there is no relay");

  Asker elsewhere(tests::relays(2), {.strategy = {}, .domains = {"core"}}, seed);
  elsewhere.fleet()[0].domain = "edge";
  CHECK(elsewhere.select().outcome == SelectionOutcome::none_in_domains);
  CHECK(elsewhere.select().reason == "there is no relay in the CSP's domains");

  Asker one(tests::relays(1), {}, seed);
  one.fleet()[0].healthy = false;
  one.fleet()[0].reason = "the relay's ledger does not answer";
  CHECK(one.select().outcome == SelectionOutcome::none_takes_clients);
  CHECK(one.select().reason == "the relay's ledger does not answer");

  Asker three(tests::relays(3), {}, seed);
  three.fleet()[0].draining = three.fleet()[2].draining = true;
  three.fleet()[1].healthy = false;
  CHECK(three.select().outcome == SelectionOutcome::none_takes_clients);
  CHECK(three.select().relay_ids.empty());
  CHECK(three.select().reason ==
        "none of 3 relays takes clients now: 2 x the relay is draining; 1 x unhealthy");
}

TEST_CASE("a CSP's clients stay in its domains, fallbacks too") {
  for (const auto strategy : all_strategies) {
    Asker asker(places(), {.strategy = strategy, .domains = {"eu", "asia"}}, seed);
    asker.rules().fallbacks = broker::fallbacks_max;
    asker.fleet()[0].domain = asker.fleet()[1].domain = "eu";
    asker.fleet()[2].domain = "us";
    asker.fleet()[3].domain = "asia";
    for (std::uint64_t turn = 0; turn < 100; ++turn) {
      auto request = from(virginia);
      request.turn = turn;
      request.preferred = "iad";
      const auto chosen = asker.select(request).relay_ids;
      CHECK(std::set<std::string>(chosen.begin(), chosen.end()) ==
            std::set<std::string>{"fra", "fra2", "nrt"});
    }
  }
}

TEST_CASE("an answer has the best relay and as many fallbacks as are wanted, each once") {
  for (const auto strategy : all_strategies)
    for (std::uint32_t fallbacks = 0; fallbacks <= broker::fallbacks_max; ++fallbacks) {
      Asker asker(tests::relays(5), {.strategy = strategy}, seed);
      asker.rules().fallbacks = fallbacks;
      const auto chosen = asker.select().relay_ids;
      CHECK(chosen.size() == std::min<std::size_t>(5, 1 + fallbacks));
      CHECK(std::set<std::string>(chosen.begin(), chosen.end()).size() == chosen.size());
    }
}

TEST_CASE("a preferred relay comes first while it can be had, also above the threshold") {
  Asker asker(tests::relays(3), {}, seed);
  asker.fleet()[1].cpu = 0.95;
  for (int i = 0; i < 20; ++i) {
    const auto chosen = asker.select({.preferred = "r1"}).relay_ids;
    CHECK(chosen.front() == "r1");
    CHECK(chosen.size() == 3);
  }
  CHECK(asker.select({.preferred = "unknown"}).relay_ids.front() != "r1");
}

TEST_CASE("the nearest relay is chosen, then the next nearest") {
  Asker asker(places(), {.strategy = SelectionStrategy::nearest}, seed);
  asker.rules().fallbacks = 3;
  using Ids = std::vector<std::string>;
  CHECK(asker.select(from(tokyo)).relay_ids.front() == "nrt");
  const auto chosen = asker.select(from(virginia)).relay_ids;
  CHECK(chosen.front() == "iad");
  CHECK(chosen.back() == "nrt");
  // Two in one city share its clients.
  std::set<Ids> seen;
  for (int i = 0; i < 100; ++i) seen.insert(asker.select(from(berlin)).relay_ids);
  CHECK(seen == std::set<Ids>{{"fra", "fra2", "iad", "nrt"}, {"fra2", "fra", "iad", "nrt"}});
}

TEST_CASE("above the load threshold clients go to the next nearest, and come back") {
  Asker asker(places(), {.strategy = SelectionStrategy::nearest}, seed);
  auto& fleet = asker.fleet();
  fleet[0].cpu = fleet[1].cpu = 0.81;
  CHECK(asker.next(from(berlin)) == "iad");
  fleet[2].capacity = broker::BitRate{1'000'000};
  fleet[2].octets_per_s = {60'000, 45'000};
  CHECK(asker.next(from(berlin)) == "nrt");
  fleet[3].allocations = 8'100;
  // All are above it: the nearest is as good as any.
  CHECK(asker.next(from(virginia)) == "iad");
  fleet[1].cpu = 0.5;
  CHECK(asker.next(from(virginia)) == "fra2");
}

TEST_CASE("arrivals since the heartbeat alone make the nearest relay spill over") {
  Asker asker(places(), {.strategy = SelectionStrategy::nearest}, seed);
  for (auto& status : asker.fleet()) status.allocations_max = 100;
  for (int i = 0; i < 200; ++i) asker.next(from(tokyo));
  CHECK(asker.handed_out()["nrt"] >= 75);
  CHECK(asker.handed_out()["nrt"] <= 81);
  CHECK(asker.handed_out()["fra"] + asker.handed_out()["fra2"] == 200 - asker.handed_out()["nrt"]);
}

TEST_CASE("relays of unknown place come after all others, clients of unknown place get any") {
  Asker asker(places(), {.strategy = SelectionStrategy::nearest}, seed);
  asker.fleet()[0].place.reset();
  asker.rules().fallbacks = 3;
  for (int i = 0; i < 20; ++i) CHECK(asker.select(from(berlin)).relay_ids.back() == "fra");
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(asker.next());
  CHECK(seen.size() == 4);
}
