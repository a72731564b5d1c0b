#include "simulation/fleet.h"

#include <algorithm>

namespace simulation {

Fleet::Fleet(const Scenario& scenario)
    : scenario_(scenario),
      world_(scenario.seed),
      truth_(world_),
      store_(world_, truth_, scenario.fault),
      limits_{std::vector(Process::quotas, scenario.limit_octets),
              std::vector(Process::quotas, scenario.allocations)} {
  const Place place{world_,
                    store_,
                    truth_,
                    scenario.fault,
                    scenario.period_s,
                    [this](const AccountTruth& account) {
                      return Process::limit_of(account.key, highest(account.quota));
                    },
                    [this](const broker::AccountKey& key) {
                      publish([key](Process& process) { process.give_back(key); });
                    },
                    [this](const broker::AccountKey& key) {
                      publish([key](Process& process) { process.hear_exhausted(key); });
                    },
                    [this](const broker::PlacesKey& key) {
                      publish([key](Process& process) { process.give_places_back(key); });
                    },
                    [this](std::size_t quota) { return highest_allocations(quota); }};
  for (std::size_t i = 0; i < scenario.relays; ++i) {
    relays_.push_back(
        std::make_unique<Relay>(place, "relay-" + std::to_string(i), directory_.path().string()));
    world_.in(world_.between(1, tick_ms), [this, i] { tick(i); });
  }
  begin_snapshots();
  for (const auto& relay : relays_) start(*relay);
}

std::uint32_t Fleet::highest_allocations(std::size_t quota) const {
  std::uint32_t highest = 0;
  for (const auto& relay : relays_)
    if (relay->runs()) highest = std::max(highest, relay->process().allocations(quota));
  return highest;
}

void Fleet::compare_limits() {
  for (std::size_t quota = 0; quota < Process::quotas; ++quota) {
    std::uint64_t now = 0;
    for (const auto& relay : relays_)
      if (relay->runs()) now = std::max(now, relay->process().limit(quota));
    const std::uint64_t before = std::exchange(highest_[quota], now);
    if (now >= before) continue;
    for (std::size_t i = 0; i < truth_.accounts().size(); ++i)
      if (truth_.accounts()[i].quota == quota) {
        AccountTruth& account = truth_.account(truth_.accounts()[i].key, quota);
        truth_.limit_lowered(account, Process::limit_of(account.key, before));
      }
  }
}

void Fleet::tick(std::size_t at) {
  if (relays_[at]->runs()) relays_[at]->process().tick();
  world_.in(tick_ms + world_.between(0, 3), [this, at] { tick(at); });
}

void Fleet::begin_snapshots() {
  store_.take_snapshot();
  world_.in(700, [this] { begin_snapshots(); });
}

void Fleet::start(Relay& relay) {
  if (relay.runs()) return;
  if (relay.start(limits_)) return compare_limits();
  world_.in(world_.between(100, 2'000), [this, &relay] { start(relay); });
}

void Fleet::publish(const std::function<void(Process&)>& message) {
  for (const auto& relay : relays_) {
    if (!store_.is_up() || !relay->is_reachable() || world_.chance(10)) continue;
    world_.in(world_.between(0, 20), [&relay = *relay, message] {
      if (relay.runs()) message(relay.process());
    });
  }
}

void Fleet::change_limits() {
  const std::size_t quota = world_.below(Process::quotas);
  const std::uint64_t limit = scenario_.limit_octets * (world_.below(16) + 1) / 8;
  limits_.octets[quota] = limit;
  if (scenario_.allocations != 0)
    limits_.allocations[quota] =
        static_cast<std::uint32_t>(world_.below(2 * scenario_.allocations) + 1);
  world_.note("the limits of quota {} become {}, {} allocations", quota, limit,
              limits_.allocations[quota]);
  for (const auto& relay : relays_)
    world_.in(world_.between(0, 4'000), [this, &relay = *relay, quota] {
      if (!relay.runs() || (relay.process().limit(quota) == limits_.octets[quota] &&
                            relay.process().allocations(quota) == limits_.allocations[quota]))
        return;
      relay.process().set_limit(quota, limits_);
      compare_limits();
      relay.process().apply_limit(quota);
    });
}

void Fleet::trouble_with(Relay& relay) {
  const Trouble& trouble = scenario_.trouble;
  if (relay.runs() && (world_.chance(trouble.crash) || world_.chance(trouble.stop))) {
    if (world_.chance(2))
      relay.crash(world_.chance(4));
    else
      relay.stop();
    compare_limits();
    world_.in(world_.between(10, world_.chance(2) ? 500 : 15'000),
              [this, &relay] { start(relay); });
  }
  if (relay.is_reachable() && world_.chance(trouble.partition)) {
    relay.set_reachable(false);
    world_.in(world_.between(50, world_.chance(2) ? 1'000 : 4 * validity_ms),
              [&relay] { relay.set_reachable(true); });
  }
  if (relay.runs() && world_.chance(trouble.connection_lost))
    relay.process().link().lose_connection();
  if (world_.chance(trouble.relay_clock))
    relay.clock().set_wall_ahead_ms(world_.between(-5'000, 5'000));
}

void Fleet::trouble_with_store() {
  const Trouble& trouble = scenario_.trouble;
  const std::int64_t down_ms = world_.chance(2) ? 0 : world_.between(0, 2 * validity_ms);
  if (world_.chance(trouble.failover)) store_.fail_over(world_.between(0, 2'000), down_ms);
  if (world_.chance(trouble.restart)) store_.restart(world_.chance(2), down_ms);
  if (world_.chance(trouble.flush)) store_.flush();
  if (world_.chance(trouble.store_clock)) store_.set_clock(world_.between(-10'000, 10'000));
  if (world_.chance(trouble.limits)) change_limits();
}

void Fleet::step() {
  if (world_.do_next()) return;
  if (world_.chance(scenario_.time_one_in)) world_.pass(world_.between(1, 4));
  Relay& relay = *relays_[world_.below(relays_.size())];
  trouble_with_store();
  trouble_with(relay);
  if (world_.chance(scenario_.trouble.quiet)) relay.be_quiet(world_.between(100, 12'000));
  if (!relay.runs() || relay.is_quiet()) return;
  Process& process = relay.process();
  const std::uint64_t what = world_.below(100);
  if (what < 80)
    process.relay_traffic();
  else if (what < 88)
    process.wake();
  else if (what < 95)
    process.open_allocation();
  else if (what < 98)
    process.close_allocation();
}

void Fleet::let_pass(std::int64_t ms) {
  const std::int64_t end_ms = world_.now_ms() + ms;
  while (world_.now_ms() < end_ms) {
    while (world_.do_next()) {
    }
    world_.pass(1);
  }
}

void Fleet::heal() {
  world_.note("healing");
  for (const auto& relay : relays_) {
    if (!relay->is_reachable()) relay->set_reachable(true);
    if (relay->runs()) relay->process().close_all();
  }
  let_pass(10'000);
  // Twice: what failed at the first time is settled by the start, as is what the store remembered again.
  for (int i = 0; i < 2; ++i)
    for (const auto& relay : relays_) {
      while (!relay->runs() && !relay->start(limits_)) let_pass(100);
      while (!relay->stop())
        while (!relay->start(limits_)) let_pass(100);
    }
  truth_.check_settled([&](const auto& who, const auto& key) { return store_.share_of(who, key); },
                       store_.usage());
  if (const auto held = store_.held_places(); held != 0)
    throw Violation(fmt::format("{} places are still held", held));
}

void Fleet::run() {
  for (std::uint64_t i = 0; i < scenario_.steps; ++i) step();
  heal();
}

std::uint64_t Fleet::forgotten() const {
  std::uint64_t most = 0;
  for (const AccountTruth& account : truth_.accounts()) most = std::max(most, account.forgotten);
  return most;
}

std::uint64_t Fleet::exhausted_accounts() const {
  return static_cast<std::uint64_t>(
      std::count_if(truth_.accounts().begin(), truth_.accounts().end(), [&](const auto& account) {
        return account.relayed + 10'000 > Process::limit_of(account.key, scenario_.limit_octets);
      }));
}

}  // namespace simulation
