// What the relay threads of a simulated process do (process.h).
#include <algorithm>
#include <utility>

#include "meter/meter_access.h"
#include "simulation/process.h"

namespace simulation {

/// As coturn's turn_plugin_charge: the meter's credit covers it, or the plugin is asked.
bool Process::charge(Allocation& allocation, turn_direction direction, std::uint64_t octets,
                     std::uint64_t useful) {
  const auto signed_octets = static_cast<std::int64_t>(octets);
  for (int asked = 0;; ++asked) {
    turn_meter& meter = *allocation.meter;
    const bool charged = (meter.charged_directions >> direction & 1U) != 0;
    if (!charged ||
        plugin::atomic_of(meter.credit_octets).fetch_sub(signed_octets) >= signed_octets) {
      plugin::atomic_of(meter.used_octets[direction]).fetch_add(octets);
      plugin::atomic_of(meter.used_packets[direction]).fetch_add(1);
      return true;
    }
    plugin::add_credit(meter, signed_octets);
    if (asked == 4) return false;
    turn_credit_request request{};
    request.size = sizeof request;
    request.direction = direction;
    request.needed_octets = octets;
    request.useful_octets = useful;
    request.allocation.meter = allocation.meter;
    turn_credit_answer answer{};
    answer.size = sizeof answer;
    answer.meter = allocation.meter;
    if (side_.credit_wanted(request, answer) != TURN_CREDIT_GRANTED) return false;
    if (answer.meter != nullptr) allocation.meter = answer.meter;
  }
}

bool Process::relay_packet(Allocation& allocation, turn_direction direction, std::uint64_t octets,
                           bool stream) {
  while (!charge(allocation, direction, octets, stream ? 1 : octets)) {
    if (!stream || octets == 1) return false;
    octets /= 2;
  }
  turn_meter& meter = *allocation.meter;
  if (place_.world.chance(40)) {  // the kernel does not take it
    plugin::atomic_of(meter.used_octets[direction]).fetch_sub(octets);
    plugin::atomic_of(meter.used_packets[direction]).fetch_sub(1);
    if ((meter.charged_directions >> direction & 1U) != 0)
      plugin::add_credit(meter, static_cast<std::int64_t>(octets));
    return false;
  }
  if ((meter.charged_directions >> direction & 1U) != 0) sent(allocation, octets);
  return true;
}

void Process::sent(const Allocation& allocation, std::uint64_t octets) {
  const plugin::AllocationSlot& slot = plugin::MeterTable::slot_of(*allocation.meter);
  if (clock_.steady_ms() >= link_.valid_until_ms()) place_.truth.out_of_contact(life_);
  for (const std::uint32_t owner : {slot.account, slot.client_account}) {
    if (owner == plugin::no_slot) continue;
    const bool known = owner < truths_.size() && index_.at(owner) != nullptr;
    if (!known || truths_[owner]->quota != allocation.quota ||
        (owner == slot.client_account && truths_[owner]->key.client != allocation.client))
      throw Violation(life_.who.relay_id + " relays for an account that is not the allocation's");
    AccountTruth& account = *truths_[owner];
    place_.truth.relayed(life_, account, octets, place_.highest_limit(account));
  }
}

void Process::relay_traffic() {
  if (allocations_.empty()) return;
  World& world = place_.world;
  Allocation& allocation = allocations_[world.below(allocations_.size())];
  const auto direction = world.chance(2) ? TURN_CLIENT_TO_PEER : TURN_PEER_TO_CLIENT;
  const bool stream = world.chance(5);
  for (auto packets = world.between(1, 6); packets != 0; --packets) {
    const std::uint64_t octets = stream            ? world.below(16'384) + 1
                                 : world.chance(3) ? world.below(1'472) + 1
                                                   : 1'200;
    if (!relay_packet(allocation, direction, octets, stream)) break;
  }
}

void Process::open_allocation() {
  if (allocations_.size() + waiting_.size() >= allocations_max) return;
  World& world = place_.world;
  const std::size_t quota = world.below(quotas);
  const std::string client =
      quota == 0 ? std::string(1, static_cast<char>('a' + world.below(clients))) : "";
  if (!open({quota, client, 0})) waiting_.push_back({quota, client, clock_.steady_ms()});
}

/// False: it waits for a place.
bool Process::open(const Waiting& wanted) {
  plugin::Account* account = account_for(wanted.quota, "");
  plugin::Account* client = nullptr;
  if (wanted.quota == 0) client = account_for(wanted.quota, wanted.client);
  if (account == nullptr || (wanted.quota == 0 && client == nullptr)) return true;
  std::vector<plugin::Account*> cold;
  for (plugin::Account* owner : {account, client})
    if (owner != nullptr && !owner->ready.load() && !refuses(owner)) cold.push_back(owner);
  if (!cold.empty()) {
    settler_.exchange(cold, plugin::Settler::Ask::at_least);
    return true;
  }
  plugin::AllocationSlot* slot = table_.take_allocation();
  if (slot == nullptr) return true;
  slot->account = account->slot;
  slot->id = ++ids_;
  switch (plugin::admit(*slot, *account, client)) {
    case plugin::Admission::refused: table_.put_back(*slot); return true;
    case plugin::Admission::no_place:
      table_.put_back(*slot);
      return !account->places->may_get_more() || account->places->refuse;
    case plugin::Admission::admitted:
    case plugin::Admission::admitted_wake_broker: break;
  }
  allocations_.push_back({&slot->meter, ids_, wanted.quota, wanted.client});
  place_.truth.admitted(life_, wanted.quota, place_.highest_allocations(wanted.quota));
  return true;
}

/// As Broker::serve_admissions does.
void Process::serve_admissions() {
  for (const Waiting& wanted : std::exchange(waiting_, {})) {
    const bool given_up = clock_.steady_ms() - wanted.since_ms > TURN_PENDING_SECONDS_MAX * 1'000;
    if (!given_up && !open(wanted)) waiting_.push_back(wanted);
  }
  keeper_.forget_waiting();
  for (const Waiting& wanted : waiting_)
    keeper_.note_waiting(*account_for(wanted.quota, "")->places);
  keeper_.serve();
}

void Process::close(std::size_t at) {
  turn_allocation_closed closed{};
  closed.size = sizeof closed;
  closed.reason = TURN_CLOSE_EXPIRED;
  closed.allocation.meter = allocations_[at].meter;
  side_.allocation_closed(closed);
  Truth::closed(life_, allocations_[at].quota);
  allocations_[at] = allocations_.back();
  allocations_.pop_back();
}

void Process::close_allocation() {
  if (!allocations_.empty()) close(place_.world.below(allocations_.size()));
}

void Process::close_all() {
  while (!allocations_.empty()) close(0);
}

void Process::close_cancelled() {
  for (std::size_t i = allocations_.size(); i-- != 0;)
    if (allocations_[i].cancelled) close(i);
}

}  // namespace simulation
