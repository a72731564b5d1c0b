#include "api/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace plugin {

RateLimiter::Bucket& RateLimiter::bucket_of(std::string_view name, double full,
                                            std::int64_t now_ms) {
  if (const auto known = by_name_.find(name); known != by_name_.end()) {
    buckets_.splice(buckets_.begin(), buckets_, known->second);
    return buckets_.front();
  }
  if (buckets_.size() >= buckets_max_) {
    by_name_.erase(buckets_.back().name);
    buckets_.pop_back();
  }
  buckets_.push_front({std::string(name), full, now_ms});
  by_name_.emplace(buckets_.front().name, buckets_.begin());
  return buckets_.front();
}

int RateLimiter::draw(std::string_view name, std::uint32_t per_s, std::int64_t now_ms) {
  const double rate = std::max<std::uint32_t>(per_s, 1);
  const double full = rate * burst_factor;
  Bucket& bucket = bucket_of(name, full, now_ms);
  const double elapsed_s =
      static_cast<double>(std::max<std::int64_t>(now_ms - bucket.filled_ms, 0)) / 1000.0;
  bucket.tokens = std::min(full, bucket.tokens + elapsed_s * rate);
  bucket.filled_ms = now_ms;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return 0;
  }
  return std::max(1, static_cast<int>(std::ceil((1 - bucket.tokens) / rate)));
}

}  // namespace plugin
