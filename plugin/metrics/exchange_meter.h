// How long the ledger takes to answer, and how often it does not.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace plugin {

class ExchangeMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Upper bounds of the buckets in seconds; what took longer is in none of them.
  static constexpr std::array<double, 12> bounds_s{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                   0.05,   0.1,   0.25,   0.5,   1,    2.5};

  struct Counts {
    std::uint64_t asked = 0;                              ///< exchanges that were begun
    std::uint64_t answered = 0;                           ///< also with an error
    std::uint64_t failed = 0;                             ///< of those
    double duration_s = 0;                                ///< of all that were answered, together
    std::array<std::uint64_t, bounds_s.size()> within{};  ///< each bound, the shorter ones included
  };

  [[nodiscard]] Time begin() {
    ++counts_.asked;
    return std::chrono::steady_clock::now();
  }

  void end(Time begun, bool ok) {
    take(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(), ok);
  }

  void take(double duration_s, bool ok) {
    ++counts_.answered;
    if (!ok) ++counts_.failed;
    counts_.duration_s += duration_s;
    for (std::size_t i = 0; i < bounds_s.size(); ++i)
      if (duration_s <= bounds_s.at(i)) ++counts_.within.at(i);
  }

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  Counts counts_;
};

}  // namespace plugin
