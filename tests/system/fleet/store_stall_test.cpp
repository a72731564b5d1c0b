// Redis does not answer for longer than grants are valid, and then goes on where it was.
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>

#include "support/redis_server.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 8;
/// From the end of grants to that of allocations, with the relays on few cores.
constexpr Milliseconds cut_max{3'000};
/// From the first answer on.
constexpr Milliseconds return_max{8'000};

struct Stall {
  const char* validity_time;
  Milliseconds validity, away;
};

Milliseconds since(TimePoint start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
}

/// A server that is stopped and goes on.
class Stalled {
 public:
  explicit Stalled(RedisServer& redis) : redis_(redis) { redis_.process().signal(SIGSTOP); }
  [[nodiscard]] Milliseconds age() const { return since(at_); }
  void go_on() { redis_.process().signal(SIGCONT); }

 private:
  RedisServer& redis_;
  TimePoint at_ = Clock::now();
};

}  // namespace

TEST_CASE("relays end their allocations when Redis stalls for longer than grants are valid") {
  const Stall stall = rounds(1, 0) != 0 ? Stall{"5s", Milliseconds(5'000), Milliseconds(30'000)}
                                        : Stall{"3s", Milliseconds(3'000), Milliseconds(8'000)};
  RedisServer redis;
  Trial trial(
      {.name = "Redis stopped",
       .fleet = {.relays = relays, .store_toml = store_at(redis.address(), stall.validity_time)}});
  trial.flood();
  trial.wait_received(trial.limit_octets() / 4);
  Stalled stalled(redis);
  trial.wait_cut(stall.validity + cut_max);
  const Milliseconds cut_after = stalled.age();
  CHECK(cut_after >= stall.validity / 2);  // it went on as long as it may
  trial.end_flood();
  const std::uint64_t received = trial.received_octets();
  // Nobody is let in meanwhile.
  TurnClient refused(trial.fleet().relay(0).client());
  CHECK_FALSE(refused.allocate().ok());
  std::this_thread::sleep_for(stall.away - stalled.age());
  CHECK(trial.received_octets() == received);
  CHECK(trial.fleet().live_allocations() == 0);
  stalled.go_on();
  const TimePoint back = Clock::now();
  CHECK(trial.fleet().wait_admitting(return_max));
  std::cout << "cut " << cut_after.count() << " ms after the stop, let in again everywhere "
            << since(back).count() << " ms after its end\n";
  trial.use_up();
  trial.reckon({&redis});
}

TEST_CASE("relays that may continue without Redis relay the allowed volume each, and no more") {
  constexpr std::uint64_t extra_octets = megabyte;
  constexpr Milliseconds validity(3'000);
  RedisServer redis;
  Trial trial({.name = "Redis stopped, continue:1 MB",
               .fleet = {.relays = relays,
                         .store_toml =
                             store_at(redis.address(), "3s", "on_store_loss = \"continue:1 MB\"")},
               // More than is granted at any time: the volume comes on top of that.
               .limit_octets = 200 * megabyte});
  trial.flood();
  trial.wait_received(trial.limit_octets() / 4);
  Stalled stalled(redis);
  const auto continuing = [&] {
    std::size_t count = 0;
    for (std::size_t i = 0; i < relays; ++i)
      if (trial.fleet().relay(i).relay().output().find("as on_store_loss allows") !=
          std::string::npos)
        ++count;
    return count;
  };
  const Milliseconds ended_max = validity + cut_max;
  REQUIRE(wait_until(ended_max, [&] { return continuing() > 0; }));
  const std::uint64_t at_first = trial.received_octets();
  REQUIRE(wait_until(ended_max, [&] { return continuing() == relays; }));
  const std::uint64_t at_last = trial.received_octets();
  trial.wait_cut();
  trial.end_flood();
  const std::uint64_t received = trial.received_octets();
  std::cout << "relayed " << received - at_first
            << " octets since the grants of the first relay had ended, " << received - at_last
            << " since those of the last; " << relays * extra_octets << " are allowed\n";
  CHECK(received - at_last <= relays * extra_octets);
  CHECK(received - at_first >= relays * extra_octets / 100 * 95);
  stalled.go_on();
  CHECK(trial.fleet().wait_admitting(return_max));
  trial.use_up();
  trial.reckon({&redis});
}
