// Brokers that share a Redis let in as many allocations at once as the quota's `allocations` says, all
// of them together.
#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "broker_fixture.h"
#include "support/redis_server.h"

using testing::eventually;
using testing::FakeAllocation;
using testing::FakeRelay;
using testing::RunningBroker;

namespace {

constexpr const char* reloaded = "configuration reloaded";

/// Some brokers, each with one relay thread.
class Fleet {
 public:
  explicit Fleet(std::size_t size, int limit, const std::string& store = "") : store_(store) {
    ::signal(SIGPIPE, SIG_IGN);
    for (std::size_t i = 0; i < size; ++i) {
      brokers_.push_back(std::make_unique<RunningBroker>(config(i, limit)));
      live_.emplace_back();
    }
    for (auto& one : brokers_) enter(*one);
  }
  ~Fleet() {
    for (std::size_t i = 0; i < relays_.size(); ++i)
      if (relays_[i] != nullptr) {
        close_all(i);
        brokers_[i]->stop();
      }
  }
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  /// Returns when all brokers have it.
  void set_limit(int limit) {
    const std::size_t before = reloads();
    for (std::size_t i = 0; i < brokers_.size(); ++i) brokers_[i]->write_config(config(i, limit));
    REQUIRE(eventually([&] { return reloads() == before + brokers_.size(); }));
  }
  /// As coturn would answer: 0, or a STUN error code.
  int allocate(std::size_t at) {
    FakeAllocation made;
    const auto user = testing::of_acme("alice");
    const int code = relays_.at(at)->allocate(user.username, user.password, made);
    if (code == 0) live_[at].push_back(made);
    return code;
  }
  /// Each relay tries so often at the same time; how many were let in.
  std::size_t rush(std::size_t tries) {
    const std::size_t before = live();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < relays_.size(); ++i)
      threads.emplace_back([this, i, tries] {
        for (std::size_t k = 0; k < tries; ++k) refusals_.at(i) += allocate(i) == 486 ? 1 : 0;
      });
    for (auto& thread : threads) thread.join();
    return live() - before;
  }
  [[nodiscard]] std::size_t refusals() const {
    return std::accumulate(refusals_.begin(), refusals_.end(), std::size_t{0});
  }
  void close_one(std::size_t at) {
    relays_.at(at)->close(live_[at].back(), TURN_CLOSE_RELEASED);
    live_[at].pop_back();
  }
  void close_any() {
    std::size_t at = 0;
    while (live(at) == 0) ++at;
    close_one(at);
  }
  void close_all(std::size_t at) {
    while (!live_[at].empty()) close_one(at);
  }
  [[nodiscard]] std::size_t live(std::size_t at) const { return live_.at(at).size(); }
  [[nodiscard]] std::size_t live() const {
    std::size_t sum = 0;
    for (const auto& of_one : live_) sum += of_one.size();
    return sum;
  }
  /// It goes with its allocations and tells the ledger nothing.
  void lose(std::size_t at) {
    brokers_.at(at)->stop();
    relays_[at].reset();
    live_[at].clear();
  }
  [[nodiscard]] bool was_cut(std::size_t at) {
    return brokers_.at(at)->host.cancelled(live_.at(at).at(0).id).has_value();
  }
  [[nodiscard]] bool logged(std::size_t at, const std::string& text) {
    return brokers_.at(at)->host.log_text().find(text) != std::string::npos;
  }
  RunningBroker& broker(std::size_t at) { return *brokers_.at(at); }
  turntest::RedisServer& redis() { return redis_; }

 private:
  std::string config(std::size_t at, int limit) const {
    return "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis_.address() + "\"\n" +
           "validity_time = \"1s\"\n" + store_ + "[relay]\nid = \"r" + std::to_string(at) + "\"\n" +
           testing::acme("1 GB", limit == 0 ? "" : "allocations = " + std::to_string(limit));
  }
  [[nodiscard]] std::size_t reloads() {
    std::size_t count = 0;
    for (const auto& one : brokers_) {
      const std::string log = one->host.log_text();
      for (auto at = log.find(reloaded); at != std::string::npos; at = log.find(reloaded, at + 1))
        ++count;
    }
    return count;
  }
  void enter(RunningBroker& running) {
    relays_.push_back(std::make_unique<FakeRelay>(running.broker(), running.host, 0));
  }

  turntest::RedisServer redis_;
  std::string store_;
  std::vector<std::unique_ptr<RunningBroker>> brokers_;
  std::vector<std::unique_ptr<FakeRelay>> relays_;
  std::vector<std::vector<FakeAllocation>> live_;
  std::array<std::size_t, 8> refusals_{};
};

}  // namespace

TEST_CASE("ten allocations are let in over three relays, from thirty tries at once", "[fleet]") {
  Fleet fleet(3, 10);
  CHECK(fleet.rush(10) == 10);
  CHECK(fleet.refusals() == 20);
  for (std::size_t i = 0; i < 3; ++i) CHECK(fleet.allocate(i) == 486);

  // Whose allocation ends does not matter, nor who asks next.
  for (int round = 0; round < 12; ++round) {
    std::size_t from = static_cast<std::size_t>(round) % 3;
    while (fleet.live(from) == 0) from = (from + 1) % 3;
    fleet.close_one(from);
    CHECK(fleet.allocate(static_cast<std::size_t>(round + 1) % 3) == 0);
    CHECK(fleet.live() == 10);
    CHECK(fleet.allocate(static_cast<std::size_t>(round + 2) % 3) == 486);
  }
}

TEST_CASE("spare places of idle relays are there for whoever asks", "[fleet]") {
  Fleet fleet(3, 200);
  // So many are left that each relay gets a few more than it needs.
  for (std::size_t i = 0; i < 3; ++i)
    for (int k = 0; k < 3; ++k) REQUIRE(fleet.allocate(i) == 0);
  std::size_t admitted = 9;
  while (fleet.allocate(0) == 0) ++admitted;
  CHECK(admitted == 200);
}

TEST_CASE("a limit that is raised lets in at once, one that is lowered waits", "[fleet]") {
  Fleet fleet(2, 4);
  CHECK(fleet.rush(4) == 4);
  fleet.set_limit(6);
  CHECK(fleet.rush(3) == 2);

  fleet.set_limit(3);
  while (fleet.live() > 3) {
    CHECK(fleet.allocate(0) == 486);
    CHECK(fleet.allocate(1) == 486);
    fleet.close_any();
  }
  CHECK(fleet.rush(2) == 0);
  fleet.close_any();
  CHECK(fleet.allocate(0) == 0);
  CHECK(fleet.allocate(1) == 486);

  fleet.set_limit(0);
  CHECK(fleet.rush(5) == 10);
  // And back: those that are there go on, and count as soon as each relay has told of them.
  fleet.set_limit(12);
  REQUIRE(eventually([&] { return fleet.rush(1) == 0; }));
  while (fleet.live() > 11) fleet.close_any();
  CHECK(fleet.rush(2) == 1);
}

TEST_CASE("a quota without a limit of allocations asks the fleet for no places", "[fleet]") {
  Fleet fleet(2, 0);
  CHECK(fleet.rush(20) == 40);
  CHECK(fleet.redis().cli({"KEYS", "*:places:*"}) == "\n");
  fleet.set_limit(100);
  CHECK(eventually([&] { return fleet.redis().cli({"KEYS", "*:places:*"}) != "\n"; }));
}

TEST_CASE("the places of a relay that died come back, and when it starts again", "[fleet]") {
  Fleet fleet(2, 4);
  while (fleet.allocate(0) == 0) {
  }
  REQUIRE(fleet.live(0) == 4);
  CHECK(fleet.allocate(1) == 486);
  fleet.lose(0);
  SECTION("after its places' validity") {
    CHECK(eventually([&] { return fleet.allocate(1) == 0; }));
    for (int k = 0; k < 3; ++k) CHECK(fleet.allocate(1) == 0);
    CHECK(fleet.allocate(1) == 486);
  }
  SECTION("as soon as it starts again, since it settles what it left") {
    fleet.broker(0).start();
    CHECK(fleet.allocate(1) == 0);
    fleet.broker(0).stop();
  }
}

TEST_CASE("relays without Redis end the allocations in places that may be others'", "[fleet]") {
  const bool goes_on = GENERATE(false, true);
  CAPTURE(goes_on);
  Fleet fleet(1, 4, goes_on ? "on_store_loss = \"continue:1 MB\"\n" : "");
  REQUIRE(fleet.allocate(0) == 0);
  fleet.redis().kill();
  REQUIRE(eventually([&] { return fleet.logged(0, "out of reach for longer than grants"); }));
  if (goes_on)
    CHECK_FALSE(fleet.was_cut(0));
  else
    CHECK(eventually([&] { return fleet.was_cut(0); }));
}
