// How many allocations a CSP may have at once, over real relays: through kill -9 of one, and its return.
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "fleet.h"
#include "support/redis_server.h"
#include "support/wait_until.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 3;
constexpr std::size_t limit = 10;
constexpr Milliseconds back_max{20'000};
constexpr Milliseconds ended_max{10'000};

class Crowd {
 public:
  explicit Crowd(Fleet& fleet) : fleet_(fleet), clients_(fleet.size()) {}

  /// As the relay answers: 0 for success.
  int allocate(std::size_t at) {
    auto client = std::make_unique<TurnClient>(fleet_.relay(at).client());
    const auto outcome = client->allocate();
    if (outcome.ok()) clients_[at].push_back(std::move(client));
    return outcome.ok() ? 0 : outcome.code;
  }
  /// Returns when the relay has ended it, which it does at a timer of its own.
  void release_one(std::size_t at) {
    REQUIRE(clients_.at(at).back()->refresh(0).ok());
    clients_[at].pop_back();
    REQUIRE(
        wait_until(ended_max, [&] { return fleet_.relay(at).usage().allocations == live(at); }));
  }
  void forget(std::size_t at) { clients_.at(at).clear(); }
  [[nodiscard]] std::size_t live(std::size_t at) const { return clients_.at(at).size(); }
  [[nodiscard]] std::size_t live() const {
    std::size_t sum = 0;
    for (const auto& of_one : clients_) sum += of_one.size();
    return sum;
  }

 private:
  Fleet& fleet_;
  std::vector<std::vector<std::unique_ptr<TurnClient>>> clients_;
};

}  // namespace

TEST_CASE(
    "a fleet lets in as many allocations as its quota says, and those of a killed relay again") {
  RedisServer redis;
  FleetOptions options;
  options.relays = relays;
  options.store_toml = "url = \"redis://" + redis.address() + "\"\nvalidity_time = \"2s\"";
  options.csp_toml = BrokerRelay::acme("1 GB", "allocations = " + std::to_string(limit));
  Fleet fleet(options);
  REQUIRE(fleet.wait_admitting(Milliseconds(20'000)));

  Crowd crowd(fleet);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 3 * limit; ++i) refused += crowd.allocate(i % relays) == 486 ? 1 : 0;
  CHECK(crowd.live() == limit);
  CHECK(refused == 2 * limit);
  CHECK(fleet.live_allocations() == limit);

  for (std::size_t i = 0; i < relays; ++i) {
    const std::size_t from = crowd.live(i) != 0 ? i : (i + 1) % relays;
    crowd.release_one(from);
    CHECK(crowd.allocate((from + 1) % relays) == 0);
    CHECK(crowd.allocate((from + 2) % relays) == 486);
  }
  REQUIRE(crowd.live() == limit);

  const std::size_t lost = 0;
  while (crowd.live(lost) == 0) {
    crowd.release_one(1);
    REQUIRE(crowd.allocate(lost) == 0);
  }
  const std::size_t others = limit - crowd.live(lost);
  fleet.relay(lost).relay().kill();
  crowd.forget(lost);
  CHECK(wait_until(back_max, [&] { return crowd.allocate(1) == 0; }));
  while (crowd.allocate(2) == 0) {
  }
  CHECK(crowd.live() == limit);
  CHECK(limit > others);

  // It returns without any, and may have what others leave.
  fleet.relay(lost).relay().restart();
  CHECK(crowd.allocate(lost) == 486);
  crowd.release_one(1);
  CHECK(crowd.allocate(lost) == 0);
  CHECK(fleet.live_allocations() == limit);
}
