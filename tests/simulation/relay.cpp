#include "simulation/relay.h"

#include <unistd.h>

#include <utility>

#include "broker/recovery.h"
#include "simulation/start_store.h"

namespace simulation {

Relay::Relay(Place place, std::string id, const std::string& directory)
    : place_(std::move(place)),
      id_(std::move(id)),
      path_(directory + "/" + id_),
      clock_(place_.world, place_.world.between(-3'000, 3'000),
             place_.world.between(-5'000, 5'000)) {}

bool Relay::start(const Limits& limits) {
  World& world = place_.world;
  StartStore store(world, place_.store, reachable_ && place_.store.is_up());
  const std::string boot = std::to_string(boots_);
  if (left_table_) {
    auto table = plugin::MeterTable::open(path_);
    if (!table) throw Violation(table.error().message);
    const auto recovered = plugin::recover(
        table.value(), boot, store, [](const auto&) {}, [] { return broker::Nothing{}; });
    if (!recovered) return false;
    ended_[recovered.value().incarnation] = recovered.value().reports;
    if (Life* life = place_.truth.life({id_, recovered.value().incarnation}); life != nullptr)
      place_.truth.ended(*life, false);
    ::unlink(path_.c_str());
    left_table_ = false;
  }
  const auto open = store.open_incarnations(id_);
  if (!open) return false;
  for (const auto& who : open.value())
    // One whose end the store has forgotten, or one that was granted nothing yet.
    if (const auto ended = ended_.find(who.id);
        !(ended == ended_.end() ? store.write_off(who) : store.end(who, ended->second)))
      return false;
  const broker::Incarnation who{id_, world.below(UINT64_MAX - 1) + 1};
  if (!store.exchange(who, {})) return false;
  auto table = plugin::MeterTable::create(path_, {96, 64}, who.id, id_, boot);
  if (!table) throw Violation(table.error().message);
  process_ = std::make_unique<Process>(place_, std::move(table).value(), clock_, who, limits);
  process_->link().set_reachable(reachable_);
  left_table_ = true;
  world.note("{}: starts as {}", id_, who.id);
  return true;
}

void Relay::crash(bool machine) {
  place_.world.note("{}: {}", id_, machine ? "the machine goes down" : "is killed");
  Life& life = process_->life();
  process_.reset();
  place_.truth.died(life, place_.share_of());
  if (!machine) return;
  ++boots_;
  clock_.reboot();
}

bool Relay::stop() {
  StartStore store(place_.world, place_.store, reachable_ && place_.store.is_up());
  Life& life = process_->life();
  process_->close_all();
  const auto reports = process_->last_reports();
  const auto ended = store.end(life.who, reports);
  process_.reset();
  place_.world.note("{}: stops, {}", id_, ended ? "settled" : "to be settled");
  if (!ended) {
    place_.truth.died(life, place_.share_of());
    return false;
  }
  place_.truth.ended(life, true);
  ended_[life.who.id] = reports;
  ::unlink(path_.c_str());
  left_table_ = false;
  return true;
}

void Relay::set_reachable(bool reachable) {
  reachable_ = reachable;
  if (process_) process_->link().set_reachable(reachable);
  place_.world.note("{}: {}", id_, reachable ? "reaches the store" : "is cut off");
}

}  // namespace simulation
