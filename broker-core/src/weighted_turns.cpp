#include "weighted_turns.h"

#include <cassert>
#include <numeric>

namespace broker {

namespace {

// Who has weight w has its turns at the times (j + 1/2) / w of a cycle that lasts from 0 to 1. Two
// different times are at least 1 / 2'000'000 apart, so that a clock of 2^-40 tells them apart.
constexpr unsigned clock_bits = 40;
constexpr std::uint64_t cycle = std::uint64_t{1} << clock_bits;

/// How many turns one has up to and at a time.
std::uint64_t turns_until(std::uint32_t weight, std::uint64_t time) {
  return (2 * weight * time + cycle) / (2 * cycle);
}

std::uint64_t all_turns_until(std::span<const std::uint32_t> weights, std::uint64_t time) {
  return std::accumulate(
      weights.begin(), weights.end(), std::uint64_t{0},
      [&](std::uint64_t sum, std::uint32_t weight) { return sum + turns_until(weight, time); });
}

}  // namespace

std::size_t whose_turn(std::span<const std::uint32_t> weights, std::uint64_t turn) {
  const auto cycle_turns = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  assert(cycle_turns != 0);
  turn %= cycle_turns;
  // The first moment by which turn number `turn` has come.
  std::uint64_t low = 0;
  std::uint64_t high = cycle;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (all_turns_until(weights, middle) > turn)
      high = middle;
    else
      low = middle + 1;
  }
  // Those whose turn is at that same moment go in their order.
  const std::uint64_t before = low == 0 ? 0 : all_turns_until(weights, low - 1);
  std::uint64_t place = turn - before;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const bool has =
        turns_until(weights[i], low) != (low == 0 ? 0 : turns_until(weights[i], low - 1));
    if (has && place-- == 0) return i;
  }
  return 0;
}

}  // namespace broker
