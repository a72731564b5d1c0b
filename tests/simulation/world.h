// The time, the chance and the memory of one simulated run.
// Owner: the test. Threads: one.
//
// Nothing here looks at a real clock: a run is its seed and nothing else. True time is what nobody in
// the simulated fleet sees; each machine has a wall clock beside it and a steady clock that may run a
// little slow or fast.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "clock.h"

namespace simulation {

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool chance(std::uint64_t one_in) { return one_in != 0 && below(one_in) == 0; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least + 1)));
  }

  /// Work for later; of what is due at the same time, what was put in first comes first.
  void in(std::int64_t delay_ms, std::function<void()> work) {
    due_.emplace(std::pair(now_ms_ + delay_ms, ++order_), std::move(work));
  }
  /// Does one thing that is due. False when nothing is.
  bool do_next() {
    if (due_.empty() || due_.begin()->first.first > now_ms_) return false;
    const auto work = std::move(due_.extract(due_.begin()).mapped());
    work();
    return true;
  }
  /// Larger each time: what was before what, within one millisecond too.
  std::uint64_t moment() { return ++order_; }
  void pass(std::int64_t ms) { now_ms_ += ms; }

  /// What is told of a run that failed: the last events.
  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    const std::size_t trace_max = detailed_ ? 4'000 : 60;
    if (trace_.size() == trace_max) trace_.pop_front();
    trace_.push_back({now_ms_, fmt::format(format, std::forward<Args>(args)...)});
  }
  /// What is noted only when a run is repeated to be looked at.
  template <typename... Args>
  void detail(fmt::format_string<Args...> format, Args&&... args) {
    if (detailed_) note(format, std::forward<Args>(args)...);
  }
  void note_details() { detailed_ = true; }
  [[nodiscard]] std::string trace() const {
    std::string text;
    for (const auto& [at_ms, what] : trace_) text += fmt::format("  {:>9} ms  {}\n", at_ms, what);
    return text;
  }

 private:
  std::mt19937_64 random_;
  bool detailed_ = false;
  std::int64_t now_ms_ = 1'000'000;
  std::uint64_t order_ = 0;
  std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> due_;
  std::deque<std::pair<std::int64_t, std::string>> trace_;
};

/// A machine's clocks.
class MachineClock final : public plugin::Clock {
 public:
  /// `drift_ppm`: how much faster than true time the steady clock runs.
  MachineClock(const World& world, std::int64_t wall_ahead_ms, std::int64_t drift_ppm)
      : world_(world), wall_ahead_ms_(wall_ahead_ms), drift_ppm_(drift_ppm) {}

  [[nodiscard]] std::int64_t unix_ms() const override { return world_.now_ms() + wall_ahead_ms_; }
  [[nodiscard]] std::int64_t steady_ms() const override {
    const std::int64_t now_ms = world_.now_ms();
    return steady_zero_ms_ + now_ms + now_ms * drift_ppm_ / 1'000'000;
  }
  void set_wall_ahead_ms(std::int64_t ms) { wall_ahead_ms_ = ms; }
  /// Its steady clock begins anew.
  void reboot() { steady_zero_ms_ = 1'000 - world_.now_ms(); }

 private:
  const World& world_;
  std::int64_t wall_ahead_ms_;
  std::int64_t drift_ppm_;
  std::int64_t steady_zero_ms_ = 0;
};

}  // namespace simulation
