// Relays of a fleet are killed under load and around the end of the quota, and come back.
#include <catch2/catch.hpp>
#include <chrono>
#include <iostream>
#include <random>
#include <thread>

#include "support/redis_server.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 8;

class KilledRelays {
 public:
  KilledRelays()
      : trial_({.name = "kill -9 of relays",
                .fleet = {.relays = relays, .store_toml = store_at(redis_.address(), "2s")},
                .limit_octets = round_octets()}) {}

  /// Some relays are killed at some time of a flood, which goes on through the others.
  void round() {
    trial_.flood();
    pass(std::chrono::milliseconds(600));
    std::vector<std::size_t> killed;
    for (std::size_t i = 0; i < relays; ++i)
      if (random_() % 3 == 0) killed.push_back(i);
    if (killed.empty()) killed.push_back(random_() % relays);
    for (const std::size_t i : killed) trial_.fleet().relay(i).relay().kill();
    kills_ += killed.size();
    trial_.allow_unsent(killed.size());  // each has one relay thread
    pass(std::chrono::milliseconds(300));
    trial_.end_flood();
    for (const std::size_t i : killed) trial_.fleet().relay(i).relay().restart();
    trial_.check_records();
    trial_.set_limit(trial_.limit_octets() + round_octets());
  }

  void finish() {
    trial_.use_up();
    std::cout << kills_ << " kills of relays\n";
    trial_.reckon({&redis_});
  }

 private:
  /// So that a round's flood may or may not come to the end of the quota before it is over.
  static std::uint64_t round_octets() {
    return static_cast<std::uint64_t>(rounds(40, 8)) * megabyte;
  }
  /// Nothing is waited for: the time is what is tested.
  void pass(std::chrono::microseconds most) {
    std::this_thread::sleep_for(
        std::chrono::microseconds(random_() % static_cast<std::uint64_t>(most.count())));
  }

  std::mt19937_64 random_{test_seed()};
  RedisServer redis_;
  Trial trial_;
  std::size_t kills_ = 0;
};

}  // namespace

TEST_CASE("relays killed under load lose no octet, and the fleet stays within the quota") {
  KilledRelays killed;
  for (int round = 0; round < rounds(10, 2); ++round) killed.round();
  killed.finish();
}
