// How evenly clients are spread, by chi-square with fixed seeds, and what happens to a herd.
#include <catch2/catch.hpp>

#include "broker/relay_selection.h"
#include "fleet.h"

using broker::SelectionStrategy;
using tests::Asker;
using tests::chi_square;
using tests::chi_square_critical;

namespace {

constexpr std::uint64_t seed = 20'261'120;

std::vector<std::uint64_t> spread(Asker& asker, std::size_t clients) {
  asker.handed_out().clear();
  for (std::size_t i = 0; i < clients; ++i) {
    const std::string name = "client-" + std::to_string(i);
    REQUIRE_FALSE(asker.next({.csp = "acme", .client_name = name, .turn = i}).empty());
  }
  std::vector<std::uint64_t> came;
  for (const auto& relay : asker.fleet()) came.push_back(asker.handed_out()[relay.id]);
  return came;
}

double max_over_mean(const std::vector<std::uint64_t>& came) {
  const auto all = std::accumulate(came.begin(), came.end(), std::uint64_t{0});
  const auto most = *std::max_element(came.begin(), came.end());
  return static_cast<double>(most * came.size()) / static_cast<double>(all);
}

}  // namespace

TEST_CASE("two choices spread clients evenly over relays that are alike") {
  CAPTURE(seed);
  Asker asker(tests::relays(8), {}, seed);
  asker.counts = false;  // each by lot alone: independent, as the test assumes
  const double by_lot = chi_square(spread(asker, 80'000), std::vector<double>(8, 1));
  CHECK(by_lot < chi_square_critical(7));
  // By lot it is no more even than lots are: what is counted below makes the difference.
  CHECK(by_lot > 0.6);
  asker.counts = true;
  CHECK(chi_square(spread(asker, 80'000), std::vector<double>(8, 1)) < 0.1);
}

TEST_CASE("weights are shares of the clients, by lot and when counted") {
  CAPTURE(seed);
  Asker asker(tests::relays(4), {}, seed);
  const std::vector<double> shares{50, 100, 200, 1000};
  for (std::size_t i = 0; i < 4; ++i)
    asker.fleet()[i].weight = static_cast<std::uint32_t>(shares[i]);
  asker.counts = false;
  CHECK(chi_square(spread(asker, 40'000), shares) < chi_square_critical(3));
  asker.rules().sticky = true;
  CHECK(chi_square(spread(asker, 40'000), shares) < chi_square_critical(3));
  asker.rules().sticky = false;
  asker.counts = true;
  CHECK(chi_square(spread(asker, 4'000), shares) < chi_square_critical(3));
  // An even spread would be found out.
  CHECK(chi_square({10, 10, 10, 10}, shares) > chi_square_critical(3));
}

TEST_CASE("in turns each relay comes as often as its weight says, evenly spread") {
  Asker asker(tests::relays(3), {.strategy = SelectionStrategy::round_robin}, seed);
  for (std::uint64_t turn = 0; turn < 9; ++turn)
    CHECK(asker.next({.turn = turn}) == "r" + std::to_string(turn % 3));
  CHECK(chi_square(spread(asker, 300), {1, 1, 1}) == 0);

  asker.fleet()[0].weight = 300;
  asker.fleet()[2].weight = 200;
  CHECK(chi_square(spread(asker, 600), {300, 100, 200}) == 0);
  CHECK(chi_square(spread(asker, 60), {300, 100, 200}) < 0.1);
  // None has all its turns in a row.
  std::string last;
  int in_a_row = 0;
  for (std::uint64_t turn = 0; turn < 600; ++turn) {
    const std::string id = asker.next({.turn = turn});
    in_a_row = id == last ? in_a_row + 1 : 1;
    last = id;
    CHECK(in_a_row <= 2);
  }
  // A counter that has come round is no trouble.
  CHECK_FALSE(asker.next({.turn = UINT64_MAX}).empty());
}

TEST_CASE("1,000 arrivals between two heartbeats do not land on one relay") {
  CAPTURE(seed);
  Asker asker(tests::relays(8), {}, seed);
  const double alike = max_over_mean(spread(asker, 1'000));
  CAPTURE(alike);
  CHECK(alike < 1.1);

  // One is a little less used than the others: it gets more, but not all.
  for (auto& relay : asker.fleet()) {
    relay.allocations = 1'000;
    relay.cpu = 0.30;
  }
  asker.fleet()[3].allocations = 950;
  asker.fleet()[3].cpu = 0.28;
  const double uneven = max_over_mean(spread(asker, 1'000));
  CAPTURE(uneven);
  CHECK(uneven < 1.6);
  // What is not counted makes a herd of those who drew it, twice its share.
  asker.counts = false;
  CHECK(max_over_mean(spread(asker, 1'000)) > 1.7);

  // Of relays of which nothing is known but that they live.
  asker.counts = true;
  for (auto& relay : asker.fleet()) {
    relay.allocations = 0;
    relay.cpu = 0;
    relay.allocations_max.reset();
  }
  CHECK(max_over_mean(spread(asker, 1'000)) < 1.1);
}

TEST_CASE("herds of every strategy are spread") {
  for (const bool sticky : {false, true})
    for (const auto strategy : {SelectionStrategy::least_load, SelectionStrategy::round_robin,
                                SelectionStrategy::nearest}) {
      Asker asker(tests::relays(8), {.strategy = strategy, .domains = {}, .sticky = sticky}, seed);
      const auto came = spread(asker, 1'000);
      CHECK(chi_square(came, std::vector<double>(8, 1)) < chi_square_critical(7));
    }
}
