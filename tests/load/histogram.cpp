#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace turnload {

std::size_t Histogram::bucket_of(std::uint64_t duration_ns) {
  const std::uint64_t value = std::min(duration_ns, (std::uint64_t{1} << (bits + powers)) - 1);
  if (value < (std::uint64_t{1} << bits)) return value;
  // The highest bit tells the power of two, the `bits` below it the place within.
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - bits;
  return ((std::size_t{shift} + 1) << bits) + ((value >> shift) - (std::uint64_t{1} << bits));
}

std::uint64_t Histogram::upper_end(std::size_t bucket) {
  if (bucket < (std::size_t{1} << bits)) return bucket;
  const std::size_t shift = (bucket >> bits) - 1;
  const std::uint64_t mantissa =
      (bucket & ((std::size_t{1} << bits) - 1)) + (std::size_t{1} << bits);
  return ((mantissa + 1) << shift) - 1;
}

void Histogram::add(std::int64_t duration_ns) {
  const std::int64_t value = std::max<std::int64_t>(duration_ns, 0);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ns_ = std::max(max_ns_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

std::int64_t Histogram::quantile_ns(double quantile) const {
  if (count_ == 0) return 0;
  const double exact = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(exact), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(static_cast<std::int64_t>(upper_end(i)), max_ns_);
  }
  return max_ns_;
}

}  // namespace turnload
