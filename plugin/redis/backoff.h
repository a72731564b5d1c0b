// How long to wait before the next attempt: doubling, with jitter, so that the relays of a fleet do
// not come back to a server all at once.
// Owner: who attempts. Threads: one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace plugin::redis {

using Random = std::mt19937_64;

class Backoff {
 public:
  Backoff(Random& random, std::int64_t min_ms, std::int64_t max_ms)
      : random_(&random), min_ms_(min_ms), max_ms_(max_ms), step_ms_(min_ms) {}

  /// Half of the step to all of it.
  [[nodiscard]] std::int64_t next_ms() {
    const std::int64_t step_ms = step_ms_;
    step_ms_ = std::min(step_ms_ * 2, max_ms_);
    return std::uniform_int_distribution<std::int64_t>((step_ms + 1) / 2, step_ms)(*random_);
  }
  void reset() { step_ms_ = min_ms_; }

 private:
  Random* random_;
  std::int64_t min_ms_;
  std::int64_t max_ms_;
  std::int64_t step_ms_;
};

}  // namespace plugin::redis
