// What the clients and the relay threads of a simulated relay do (sim_relay.h).
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "credit/slice.h"
#include "meter/meter_access.h"
#include "relay/relay_side.h"
#include "sim_relay.h"

namespace fleet_bench {

using plugin::Account;
using plugin::AllocationSlot;
using plugin::Settler;

namespace {

std::int64_t ms_of(double seconds) { return static_cast<std::int64_t>(seconds * 1'000); }

}  // namespace

/// The calls that are there at the start. They begin one after the other, lest the accounts report in
/// step for ever.
void SimRelay::let_calls_be(std::int64_t now_ms) {
  for (std::uint32_t i = 0; i < call_classes.size(); ++i)
    for (auto count = place_.mix.any_live_count(i, random_); count != 0; --count) {
      const auto after_ms = static_cast<std::int64_t>(
          random_() % static_cast<std::uint64_t>(std::max<std::int64_t>(place_.spread_ms, 1)));
      later_.push_back({now_ms + after_ms,
                        std::max<std::int64_t>(ms_of(TrafficMix::any_rest_s(i, random_)), 1),
                        place_.mix.any_csp(random_), i});
    }
  std::sort(later_.begin(), later_.end(),
            [](const Waiting& a, const Waiting& b) { return a.begin_ms > b.begin_ms; });
  next_arrival_ms_ = now_ms + ms_of(place_.mix.next_arrival_s(random_));
}

void SimRelay::let_arrive(std::int64_t now_ms) {
  for (; !later_.empty() && later_.back().begin_ms <= now_ms; later_.pop_back())
    begin_call(later_.back(), now_ms);
  while (next_arrival_ms_ <= now_ms) {
    next_arrival_ms_ += std::max<std::int64_t>(ms_of(place_.mix.next_arrival_s(random_)), 1);
    const auto call_class = static_cast<std::uint32_t>(TrafficMix::any_class(random_));
    const double lasts_s = TrafficMix::any_duration_s(call_class, random_);
    begin_call({now_ms, std::max<std::int64_t>(ms_of(lasts_s), 1), place_.mix.any_csp(random_),
                call_class},
               now_ms);
  }
}

/// As RelaySide::allocation_wanted and Broker::serve_admissions: an account that has had no grant yet
/// gets one first.
void SimRelay::begin_call(const Waiting& wanted, std::int64_t now_ms) {
  Account& account = account_of(wanted.csp, call_classes.at(wanted.call_class).media);
  if (open_call(account, wanted, now_ms)) return;
  waiting_.push_back(wanted);
  settler_.exchange({&account}, Settler::Ask::at_least);
}

void SimRelay::admit_waiting(std::int64_t now_ms) {
  std::vector<Account*> cold;
  std::erase_if(waiting_, [&](const Waiting& wanted) {
    Account& account = account_of(wanted.csp, call_classes.at(wanted.call_class).media);
    if (open_call(account, wanted, now_ms)) return true;
    if (std::find(cold.begin(), cold.end(), &account) == cold.end()) cold.push_back(&account);
    return false;
  });
  settler_.exchange(cold, Settler::Ask::at_least);
}

bool SimRelay::open_call(Account& account, const Waiting& wanted, std::int64_t now_ms) {
  if (!account.ready.load()) return false;
  AllocationSlot* slot = table_.take_allocation();
  if (slot == nullptr) throw std::runtime_error(id_ + ": the meter table is full of allocations");
  slot->account = account.slot;
  slot->id = ++ids_;
  slot->start_ms = place_.clock.unix_ms();
  slot->client = {4, 0, 40'000, {192, 0, 2, 1}};
  slot->transport = TURN_TRANSPORT_UDP;
  const std::string name = fmt::format("client-{}", ids_);
  slot->name_length = static_cast<std::uint8_t>(name.size());
  std::memcpy(slot->name, name.data(), name.size());
  if (plugin::admit(*slot, account, nullptr) != plugin::Admission::admitted) {
    table_.put_back(*slot);
    ++place_.measured.calls_refused;
    return true;
  }
  slot->relayed[0] = {4, 0, 50'000, {198, 51, 100, 1}};
  slot->created.store(1, std::memory_order_release);
  ++place_.measured.calls_opened;
  ++place_.measured.live_calls;
  const auto part = static_cast<std::size_t>(random_() % visits_per_s);
  calls_.at(part).push_back({slot, &account, wanted.call_class, now_ms, now_ms + wanted.lasts_ms});
  return true;
}

void SimRelay::serve_calls(std::vector<Call>& calls, std::int64_t now_ms) {
  for (std::size_t i = 0; i < calls.size();) {
    Call& call = calls[i];
    charge(call, std::min(now_ms, call.end_ms));
    if (now_ms < call.end_ms) {
      ++i;
      continue;
    }
    close(call);
    call = calls.back();
    calls.pop_back();
  }
}

/// As coturn's turn_plugin_charge for all packets of the time since the last one: the meter's credit
/// covers them, or the account is drawn from as RelaySide::credit_wanted does.
void SimRelay::charge(Call& call, std::int64_t now_ms) {
  const CallClass& kind = call_classes.at(call.call_class);
  const double elapsed_s = static_cast<double>(now_ms - call.charged_ms) / 1'000;
  call.charged_ms = now_ms;
  for (std::size_t d = 0; d < 2; ++d) call.owed_octets.at(d) += kind.octets_per_s.at(d) * elapsed_s;
  const double share = affordable(call);
  std::array<std::uint64_t, 2> octets{};
  for (std::size_t d = 0; d < 2; ++d)
    octets.at(d) = static_cast<std::uint64_t>(call.owed_octets.at(d) * share);
  const auto needed = static_cast<std::int64_t>(octets[0] + octets[1]);
  if (needed == 0) return;
  turn_meter& meter = call.slot->meter;
  auto credit = plugin::atomic_of(meter.credit_octets);
  if (credit.fetch_sub(needed) < needed) {
    credit.fetch_add(needed);
    const auto decision =
        plugin::draw_credit(*call.slot, *call.account, nullptr, needed, needed, now_ms);
    woken_ = woken_ || decision.wake_broker;
    if (decision.verdict != plugin::CreditVerdict::granted) {
      ++place_.measured.waits_for_credit;
      return;
    }
    credit.fetch_sub(needed);
  }
  for (std::size_t d = 0; d < 2; ++d) {
    call.owed_octets.at(d) -= static_cast<double>(octets.at(d));
    plugin::atomic_of(meter.used_octets[d]).fetch_add(octets.at(d));
    plugin::atomic_of(meter.used_packets[d])
        .fetch_add((octets.at(d) + kind.packet_octets - 1) / kind.packet_octets);
  }
  place_.measured.relayed_octets += octets[0] + octets[1];
}

/// Packets come one by one: when a second's worth is more than the account holds, the first of them ask
/// for more, and the others find it. Here those wait for the next second.
double SimRelay::affordable(const Call& call) {
  const double owed = call.owed_octets[0] + call.owed_octets[1];
  const auto held = static_cast<double>(std::max<std::int64_t>(call.account->pool.load(), 0));
  return owed <= held ? 1 : held * 3 / 4 / owed;
}

void SimRelay::close(Call& call) {
  call.slot->end_ms.store(place_.clock.unix_ms());
  call.slot->close_reason = TURN_CLOSE_RELEASED;
  plugin::give_up(table_, index_, *call.slot);
  ++place_.measured.calls_closed;
  --place_.measured.live_calls;
}

}  // namespace fleet_bench
