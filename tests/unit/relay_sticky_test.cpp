// The same client name gets the same relay: while it is there, and whatever others do.
#include <catch2/catch.hpp>

#include "broker/relay_selection.h"
#include "fleet.h"

using tests::Asker;

namespace {

constexpr std::uint64_t seed = 20'261'120;
constexpr std::size_t clients = 8'000;

using Homes = std::vector<std::vector<std::string>>;

Homes homes(Asker& asker, std::string_view csp = "acme") {
  Homes all;
  for (std::size_t i = 0; i < clients; ++i) {
    const std::string name = "client-" + std::to_string(i);
    all.push_back(asker.select({.csp = csp, .client_name = name, .turn = i}).relay_ids);
  }
  return all;
}

Asker sticky_asker() {
  return Asker(tests::relays(8), {.strategy = {}, .domains = {}, .sticky = true}, seed);
}

/// Checks that exactly those whose home was `gone` have moved, each to its first fallback, evenly.
void check_moved(const Homes& before, const Homes& after, const std::string& gone) {
  std::map<std::string, std::uint64_t> taken;
  for (std::size_t i = 0; i < clients; ++i) {
    const bool was_there = before[i].front() == gone;
    CHECK(after[i].front() == before[i][was_there ? 1 : 0]);
    if (was_there) ++taken[after[i].front()];
  }
  REQUIRE(taken.size() == 7);
  std::vector<std::uint64_t> came;
  for (const auto& [id, count] : taken) came.push_back(count);
  CHECK(tests::chi_square(came, std::vector<double>(7, 1)) < tests::chi_square_critical(6));
}

}  // namespace

TEST_CASE("a client's relay is the same each time, and clients are spread evenly") {
  auto asker = sticky_asker();
  const Homes first = homes(asker);
  CHECK(homes(asker) == first);
  std::reverse(asker.fleet().begin(), asker.fleet().end());
  CHECK(homes(asker) == first);
  // Another CSP's client of the same name is another client.
  CHECK(homes(asker, "globex") != first);
  std::map<std::string, std::uint64_t> counts;
  for (const auto& each : first) ++counts[each.front()];
  std::vector<std::uint64_t> came;
  for (const auto& [id, count] : counts) came.push_back(count);
  REQUIRE(came.size() == 8);
  CHECK(tests::chi_square(came, std::vector<double>(8, 1)) < tests::chi_square_critical(7));
}

TEST_CASE("when a relay leaves only its own clients move, and they come back with it") {
  auto asker = sticky_asker();
  const Homes before = homes(asker);
  const auto fleet = asker.fleet();
  asker.fleet().erase(asker.fleet().begin() + 3);
  check_moved(before, homes(asker), "r3");
  asker.fleet() = fleet;
  CHECK(homes(asker) == before);
}

TEST_CASE("a relay that drains, is unhealthy, stale or above the threshold is left alike") {
  auto asker = sticky_asker();
  const Homes before = homes(asker);
  const auto fleet = asker.fleet();
  const auto check = [&](auto&& worsen) {
    asker.fleet() = fleet;
    worsen(asker.fleet()[5]);
    check_moved(before, homes(asker), "r5");
  };
  check([](broker::RelayStatus& relay) { relay.draining = true; });
  check([](broker::RelayStatus& relay) { relay.healthy = false; });
  check([](broker::RelayStatus& relay) { relay.cpu = 0.81; });
  check([](broker::RelayStatus& relay) { relay.allocations = 8'001; });
  asker.ages_ms()["r5"] = broker::relay_stale_ms + 1;
  check([](broker::RelayStatus&) {});
}

TEST_CASE("sticky and nearest together stay within what is near") {
  Asker asker(tests::relays(4),
              {.strategy = broker::SelectionStrategy::nearest, .domains = {}, .sticky = true},
              seed);
  for (std::size_t i = 0; i < 4; ++i)
    asker.fleet()[i].place =
        i < 2 ? broker::Coordinates{50.1, 8.6} : broker::Coordinates{1.3, 103.8};
  std::map<std::string, int> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "client-" + std::to_string(i);
    const broker::SelectionRequest request{
        .csp = "acme", .client_name = name, .place = broker::Coordinates{48.1, 11.6}};
    const auto chosen = asker.select(request).relay_ids;
    CHECK(asker.select(request).relay_ids == chosen);
    ++seen[chosen.front()];
  }
  CHECK(seen.size() == 2);
  CHECK(seen["r0"] > 70);
  CHECK(seen["r1"] > 70);
}
