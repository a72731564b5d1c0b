#include "relay/client_log.h"

#include <limits>

namespace plugin {

namespace {

constexpr int count_bits = 32;
constexpr std::uint64_t count_mask = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t ms_per_second = 1'000;

}  // namespace

bool ClientLog::may_write() {
  const std::uint64_t second = static_cast<std::uint64_t>(clock_.steady_ms() / ms_per_second)
                               << count_bits;
  std::uint64_t before = wanted_.load(std::memory_order_relaxed);
  std::uint64_t after = 0;
  do {
    // A thread that is late counts for the second that has begun.
    const bool begins = before < second;
    after = begins ? second + 1 : before + ((before & count_mask) < count_mask ? 1 : 0);
  } while (!wanted_.compare_exchange_weak(before, after, std::memory_order_relaxed));

  // Who begins a second says what became of the last one.
  const std::uint64_t count_before = before & count_mask;
  if (before < second && count_before > records_per_second)
    host_.warning("{} records about what clients sent were left out within a second",
                  count_before - records_per_second);
  return (after & count_mask) <= records_per_second;
}

}  // namespace plugin
