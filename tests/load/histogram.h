// Durations in buckets of constant relative width (1.6 %), from 1 ns to some 18 minutes.
// Owner: a worker; merged by the report. Threads: one at a time.
#pragma once

#include <array>
#include <cstdint>

namespace turnload {

class Histogram {
 public:
  /// Negative durations count as 0, longer ones as the longest.
  void add(std::int64_t duration_ns);
  void merge(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::int64_t max_ns() const { return max_ns_; }
  /// The duration that `quantile` (0 .. 1) of all do not exceed, within a bucket's width; 0 when
  /// empty.
  [[nodiscard]] std::int64_t quantile_ns(double quantile) const;

 private:
  static constexpr unsigned bits = 6;  ///< 64 buckets per power of two
  static constexpr unsigned powers = 34;
  std::array<std::uint64_t, (powers + 1) << bits> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ns_ = 0;

  static std::size_t bucket_of(std::uint64_t duration_ns);
  static std::uint64_t upper_end(std::size_t bucket);
};

}  // namespace turnload
