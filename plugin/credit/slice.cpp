#include "credit/slice.h"

#include <algorithm>

#include "meter/meter_access.h"

namespace plugin {

namespace {

constexpr std::int64_t rate_burst_min_octets = 3'000;

/// Doubles while slices are used up fast, halves while they last.
std::int64_t next_slice(AllocationSlot& slot, std::int64_t now_ms) {
  const auto elapsed_ms = static_cast<std::uint32_t>(now_ms) - slot.slice_at_ms;
  slot.slice_at_ms = static_cast<std::uint32_t>(now_ms);
  if (slot.slice_octets == 0)
    slot.slice_octets = slice_min_octets;
  else if (elapsed_ms < 20)
    slot.slice_octets = std::min(slot.slice_octets * 2, slice_max_octets);
  else if (elapsed_ms > 80)
    slot.slice_octets = std::max(slot.slice_octets / 2, slice_min_octets);
  return slot.slice_octets;
}

/// A quarter of an equal share of the pool: shrinks as the pool does.
std::int64_t fair_share(const Account& account) {
  const auto live = std::max(account.live.load(std::memory_order_relaxed), 1U);
  return account.pool.load(std::memory_order_relaxed) / (std::int64_t{4} * live);
}

bool ask_for_refill(Account& account) {
  return !account.refill_asked.exchange(true, std::memory_order_relaxed);
}

/// The account cannot cover the packet. Only the broker decides that it is exhausted, after it has
/// taken back what other allocations hold.
CreditDecision dry(Account& account, std::int64_t useful) {
  account.refused_octets.store(static_cast<std::uint64_t>(useful), std::memory_order_relaxed);
  return {CreditVerdict::later, ask_for_refill(account)};
}

}  // namespace

std::int64_t rate_allowance(AllocationSlot& slot, std::uint64_t octets_per_s, std::int64_t now_ms) {
  if (octets_per_s == 0) return INT64_MAX;
  const auto rate =
      static_cast<std::int64_t>(std::min<std::uint64_t>(octets_per_s, INT64_MAX / 2'000));
  const std::int64_t burst = std::max(rate, rate_burst_min_octets);
  if (slot.rate_at_ms == 0) {
    slot.rate_tokens = burst;
    slot.rate_at_ms = now_ms;
  }
  const std::int64_t elapsed_ms = std::clamp<std::int64_t>(now_ms - slot.rate_at_ms, 0, 1'000);
  const std::int64_t gained = rate * elapsed_ms / 1'000;
  // The clock only advances by what was credited, so that slow rates do not lose fractions.
  if (gained > 0) {
    slot.rate_tokens = std::min(burst, slot.rate_tokens + gained);
    slot.rate_at_ms = now_ms;
  }
  return slot.rate_tokens;
}

CreditDecision draw_credit(AllocationSlot& slot, Account& account, Account* client,
                           std::int64_t needed, std::int64_t useful, std::int64_t now_ms) {
  const Stage stage = account.stage.load(std::memory_order_acquire);
  const Stage client_stage =
      client == nullptr ? Stage::open : client->stage.load(std::memory_order_acquire);
  if (refuses(stage) || refuses(client_stage)) return {CreditVerdict::exhausted, false};

  const std::int64_t held = std::max<std::int64_t>(credit_of(slot.meter), 0);
  const std::int64_t least = needed - held;
  if (least <= 0) return {CreditVerdict::granted, false};

  const std::uint64_t rate = account.rate_octets_per_s.load(std::memory_order_relaxed);
  const std::int64_t allowance = rate_allowance(slot, rate, now_ms);
  if (allowance < least) return {CreditVerdict::later, false};

  std::int64_t most = std::min({next_slice(slot, now_ms), fair_share(account), allowance});
  if (client != nullptr) most = std::min(most, fair_share(*client));
  if (stage == Stage::last || client_stage == Stage::last) most = least;
  most = std::max(most, least);

  std::int64_t amount = most;
  if (client != nullptr) {
    amount = draw(*client, least, most);
    if (amount == 0) return dry(*client, useful);
  }
  const std::int64_t drawn = draw(account, least, amount);
  if (client != nullptr) put_back(*client, amount - drawn);
  if (drawn == 0) return dry(account, useful);

  add_credit(slot.meter, drawn);
  if (rate != 0) slot.rate_tokens -= drawn;

  bool wake = false;
  if (account.pool.load(std::memory_order_relaxed) <
      account.low_water.load(std::memory_order_relaxed))
    wake = ask_for_refill(account);
  if (client != nullptr && client->pool.load(std::memory_order_relaxed) <
                               client->low_water.load(std::memory_order_relaxed))
    wake = ask_for_refill(*client) || wake;
  return {CreditVerdict::granted, wake};
}

}  // namespace plugin
