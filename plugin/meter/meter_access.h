// Atomic access to the meter that the host spends from (turn_plugin.h, "the meter").
// Threads: any; relaxed read-modify-write throughout, so that credit is conserved whoever moves it.
#pragma once

#include <atomic>
#include <cstdint>

#include "broker/account.h"
#include "turn_plugin.h"

namespace plugin {

template <typename T>
[[nodiscard]] std::atomic_ref<T> atomic_of(const T& word) {
  return std::atomic_ref<T>(const_cast<T&>(word));
}

inline void clear_meter(turn_meter& meter) {
  atomic_of(meter.credit_octets).store(0, std::memory_order_relaxed);
  for (std::size_t d = 0; d < 2; ++d) {
    atomic_of(meter.used_octets[d]).store(0, std::memory_order_relaxed);
    atomic_of(meter.used_packets[d]).store(0, std::memory_order_relaxed);
  }
  meter.charged_directions = 0;
}

[[nodiscard]] inline broker::UsedTotals read_used(const turn_meter& meter) {
  broker::UsedTotals used;
  for (std::size_t d = 0; d < 2; ++d) {
    used.octets[d] = atomic_of(meter.used_octets[d]).load(std::memory_order_relaxed);
    used.packets[d] = atomic_of(meter.used_packets[d]).load(std::memory_order_relaxed);
  }
  return used;
}

/// a + b, or the most there is: a sum of damaged numbers must not come out small, where nobody would see it.
[[nodiscard]] constexpr std::uint64_t sum_or_most(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

[[nodiscard]] inline std::int64_t credit_of(const turn_meter& meter) {
  return atomic_of(meter.credit_octets).load(std::memory_order_relaxed);
}

inline void add_credit(turn_meter& meter, std::int64_t octets) {
  atomic_of(meter.credit_octets).fetch_add(octets, std::memory_order_relaxed);
}

/// Takes all positive credit away. A credit that is transiently negative, because the relay thread
/// is just asking, is left alone: the relay thread will undo its subtraction itself.
[[nodiscard]] inline std::int64_t take_credit_back(turn_meter& meter) {
  auto credit = atomic_of(meter.credit_octets);
  std::int64_t seen = credit.load(std::memory_order_relaxed);
  while (seen > 0)
    if (credit.compare_exchange_weak(seen, 0, std::memory_order_relaxed)) return seen;
  return 0;
}

}  // namespace plugin
