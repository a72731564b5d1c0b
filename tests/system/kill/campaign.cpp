#include "campaign.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "support/wait_until.h"

namespace turntest {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t allocations = 12;
constexpr std::array streams{TransportKind::tcp, TransportKind::tls};
constexpr std::uint64_t plenty = 1'000'000'000'000;
constexpr std::uint64_t last_octets = 400'000;  ///< what is left of the quota before an exhaustion

std::string quota(std::uint64_t octets, std::string_view period = "total") {
  return "[csp.acme]\nsecret = \"" + std::string(BrokerRelay::acme_secret) +
         "\"\n[csp.acme.quota.data]\nvolume = \"" + std::to_string(octets) + " B\"\nperiod = \"" +
         std::string(period) + "\"\n";
}

BrokerRelayOptions relay_options() {
  BrokerRelayOptions options;
  options.relay.relay_threads = Campaign::relay_threads;
  options.csp_toml = quota(plenty);
  return options;
}

const char* name_of(Moment moment) {
  return std::find_if(moments.begin(), moments.end(),
                      [&](const auto& entry) { return entry.first == moment; })
      ->second;
}

}  // namespace

Campaign::Campaign(std::uint64_t seed)
    : random_(seed), relay_(relay_options()), limit_octets_(plenty) {}

void Campaign::pass(milliseconds most) {
  const auto most_us = static_cast<std::uint64_t>(most.count()) * 1'000;
  std::this_thread::sleep_for(std::chrono::microseconds(random_() % (most_us + 1)));
}

std::vector<MemberPlan> Campaign::plans(Moment moment) {
  const bool flood = moment == Moment::exhaustion || random_() % 2 == 0;
  std::vector<MemberPlan> plans(allocations);
  for (std::size_t i = 0; i < allocations; ++i) {
    MemberPlan& plan = plans[i];
    const TransportKind transport =
        i % 4 == 1 ? streams[i / 4 % streams.size()] : TransportKind::udp;
    plan.client = relay_.client(transport, 4, "client-" + std::to_string(i));
    // What a client's stream still had in the relay's buffers at a kill was counted, and is gone.
    plan.to_client = transport == TransportKind::udp;
    if (moment == Moment::opening) plan.client.timeout = Milliseconds(200);
    plan.pace = flood ? MemberPlan::Pace::flood : MemberPlan::Pace::paced;
    if (i == 0) plan.pace = MemberPlan::Pace::idle;
    plan.packets_per_s = static_cast<double>(20 + random_() % 500);
    plan.payload_max_octets = payload_max_octets;
    plan.indications = random_() % 3 == 0;
  }
  return plans;
}

void Campaign::kill(ChildProcess& process) {
  process.kill();
  const auto exit = process.wait_exit(Milliseconds(10'000));
  REQUIRE(exit);
  if (exit->signal == SIGKILL) {
    ++kills_;
    return;
  }
  // It may have stopped by itself just before, when it was asked to.
  CHECK(exit->signal == 0);
  CHECK(exit->status == 0);
}

void Campaign::kill_at(Moment moment, Swarm& swarm) {
  RelayProcess& relay = relay_.relay();
  swarm.start();
  if (moment == Moment::opening) {
    pass(milliseconds(30));
    return kill(relay.process());
  }
  swarm.wait_open();
  pass(milliseconds(moment == Moment::load ? 120 : 10));
  switch (moment) {
    case Moment::load:
    case Moment::opening:
    case Moment::start_up: break;
    case Moment::reload:
      relay_.write_csps(quota(plenty + 1 + random_() % plenty));
      pass(milliseconds(160));
      break;
    case Moment::exhaustion:
      if (random_() % 2 == 0)
        pass(milliseconds(40));
      else
        REQUIRE(relay.wait_output("is exhausted", Milliseconds(20'000)));
      pass(milliseconds(random_() % 2 == 0 ? 2 : 150));
      break;
    case Moment::stopping:
      relay.process().signal(SIGTERM);
      pass(milliseconds(20));
      break;
    case Moment::new_period:
      relay_.write_csps(quota(plenty, "month"));
      pass(milliseconds(250));
      break;
  }
  kill(relay.process());
}

void Campaign::kill_starting() {
  for (auto times = 1 + random_() % 3; times > 0; --times) {
    ChildProcess starting(relay_.relay().command());
    pass(start_time_);
    kill(starting);
  }
}

void Campaign::round(Moment moment) {
  kills_before_ = kills_;
  CAPTURE(name_of(moment), kills_);
  if (moment == Moment::exhaustion) {
    limit_octets_ = relay_.usage().used_octets + last_octets;
    set_limit(limit_octets_);
  }
  Swarm swarm(plans(moment), 1, random_());
  kill_at(moment, swarm);
  swarm.stop();
  if (moment == Moment::start_up) kill_starting();
  relay_.write_csps(quota(moment == Moment::exhaustion ? limit_octets_ : plenty));
  const TimePoint before = Clock::now();
  relay_.relay().restart();
  start_time_ = std::chrono::ceil<milliseconds>(Clock::now() - before);
  swarm.drain();
  check(moment, swarm);
  if (moment == Moment::exhaustion) set_limit(plenty);
}

void Campaign::set_limit(std::uint64_t octets) {
  relay_.write_csps(quota(octets));
  REQUIRE(wait_until(Milliseconds(5'000), [&] { return relay_.usage().limit_octets == octets; }));
}

}  // namespace turntest
