// One relay of a fleet loses sight of Redis, but not of its clients.
#include <catch2/catch.hpp>
#include <iostream>
#include <memory>

#include "support/net_namespace.h"
#include "support/redis_server.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 8, lonely = relays - 1;
constexpr std::size_t media_link = 0, store_link = 1;
constexpr Milliseconds validity{3'000};
constexpr Milliseconds cut_max{3'000};
constexpr Milliseconds return_max{10'000};

TrialOptions options_of(const NetNamespace& space, const RedisServer& redis) {
  TrialOptions options{.name = "a relay cut off"};
  // Not used up by the paced load for as long as the relay is away.
  options.limit_octets = 200 * megabyte;
  options.fleet.relays = relays;
  options.fleet.store_toml = store_at(redis.address(), "3s");
  options.fleet.adjust = [&](std::size_t index, BrokerRelayOptions& relay) {
    // It is no address of the Internet, and this machine's own.
    relay.relay.arguments.insert(relay.relay.arguments.end(),
                                 {"--allowed-peer-ip", space.outer(media_link)});
    if (index != lonely) return;
    relay.relay.wrapper = space.wrapper();
    relay.relay.host = space.inner(media_link);
    const std::string there = space.outer(store_link) + ":" + std::to_string(redis.port());
    relay.broker_toml.replace(relay.broker_toml.find(redis.address()), redis.address().size(),
                              there);
  };
  // All relays reach peers there, also those on loopback.
  options.peers_at = *Address::parse(space.outer(media_link) + ":0");
  return options;
}

/// The relay behind the link is paced always: a flood might be lost between the two networks.
std::vector<MemberPlan> plans(Trial& trial, MemberPlan::Pace pace_of_others) {
  auto plans = trial.fleet().flood(2);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].pace = i / 2 == lonely ? MemberPlan::Pace::paced : pace_of_others;
    plans[i].packets_per_s = 300;
  }
  return plans;
}

std::uint64_t allocations_of_others(Trial& trial) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < lonely; ++i) sum += trial.fleet().relay(i).usage().allocations;
  return sum;
}

}  // namespace

TEST_CASE("a relay cut off from Redis ends its grants; the others go on, and it returns") {
  std::unique_ptr<NetNamespace> space;
  try {
    space = std::make_unique<NetNamespace>();
  } catch (const NoNetNamespace& error) {
    WARN("skipped, as no network namespace can be made here: " << error.what());
    return;
  }
  RedisServer redis({.arguments = {"--bind", "0.0.0.0", "--protected-mode", "no"}});
  Trial trial(options_of(*space, redis));
  BrokerRelay& relay = trial.fleet().relay(lonely);
  trial.flood(plans(trial, MemberPlan::Pace::paced));
  trial.wait_received(trial.limit_octets() / 20);
  // Those that asked whether clients are let in are gone soon.
  CHECK(wait_until(cut_max, [&] { return trial.fleet().live_allocations() == 2 * relays; }));

  space->cut(store_link);
  const TimePoint start = Clock::now();
  CHECK(wait_until(validity + cut_max, [&] { return relay.usage().allocations == 0; }));
  std::cout << "the relay ended its allocations "
            << std::chrono::duration_cast<Milliseconds>(Clock::now() - start).count()
            << " ms after it was cut off\n";
  CHECK(allocations_of_others(trial) == 2 * lonely);
  trial.wait_received(trial.received_octets() + trial.limit_octets() / 20);
  CHECK(allocations_of_others(trial) == 2 * lonely);

  space->heal(store_link);
  CHECK(trial.fleet().wait_admitting(return_max));
  trial.flood(plans(trial, MemberPlan::Pace::flood));
  trial.wait_cut();
  trial.end_flood();
  CHECK(trial.received_octets() >= trial.limit_octets() - trial.limit_octets() / 1'000);
  trial.reckon({&redis});
}
