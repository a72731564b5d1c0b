#include "learned_store.h"

#include <stdexcept>

#include "ledger/redis_ledger.h"

namespace fleet_bench {

namespace {

constexpr std::int64_t timeout_ms = 20'000;
constexpr std::size_t keys_max = 10'000;

/// An account of each shard.
std::vector<broker::UsageReport> report_to_all_shards() {
  std::vector<broker::UsageReport> reports;
  std::array<bool, plugin::ledger_keys::shards> told{};
  for (std::size_t i = 0; reports.size() < told.size() && i < keys_max; ++i) {
    const broker::AccountKey key{"learn-" + std::to_string(i), broker::MediaType::data, 0, ""};
    if (std::exchange(told.at(plugin::ledger_keys::shard_of(key)), true)) continue;
    broker::UsageReport report;
    report.account = key;
    report.limit_octets = 1;
    reports.push_back(report);
  }
  return reports;
}

}  // namespace

void learn(event_base* base, const plugin::Clock& clock, const plugin::Host& host,
           broker::RedisConfig config) {
  // As short as may be: no relay is there that could hold a grant.
  config.validity_time_ms = 1'000;
  auto client = plugin::redis::Client::start(base, config, clock, host);
  if (!client) throw std::runtime_error(client.error().message);
  plugin::RedisLedger ledger(*client.value(), config, clock);
  const broker::Incarnation who{"learner", 1};
  const std::int64_t deadline_ms = clock.steady_ms() + timeout_ms;
  bool learning = true;
  bool asking = false;
  while (learning) {
    if (clock.steady_ms() > deadline_ms) throw std::runtime_error("the store does not learn");
    if (!std::exchange(asking, true))
      ledger.exchange(who, report_to_all_shards(), [&](const auto& grants) {
        asking = false;
        if (!grants) return;
        learning = false;
        for (const auto& grant : grants.value()) learning = learning || grant.learning;
      });
    event_base_loop(base, EVLOOP_ONCE);
  }
  bool ended = false;
  ledger.end(who, {}, [&](const auto&) { ended = true; });
  while (!ended && clock.steady_ms() < deadline_ms) event_base_loop(base, EVLOOP_ONCE);
  client.value().reset();
  event_base_loop(base, EVLOOP_NONBLOCK);
}

}  // namespace fleet_bench
