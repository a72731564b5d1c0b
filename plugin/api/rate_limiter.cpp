#include "api/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace plugin {

namespace {

double rate_of(std::uint32_t per_s) { return std::max<std::uint32_t>(per_s, 1); }

/// What a bucket with `tokens` holds `elapsed_ms` later; a clock that goes back fills nothing.
double refilled(double tokens, double rate, std::int64_t elapsed_ms) {
  const double elapsed_s = static_cast<double>(std::max<std::int64_t>(elapsed_ms, 0)) / 1000.0;
  return std::min(rate * RateLimiter::burst_factor, tokens + elapsed_s * rate);
}

int seconds_until_one(double tokens, double rate) {
  return tokens >= 1 ? 0 : std::max(1, static_cast<int>(std::ceil((1 - tokens) / rate)));
}

}  // namespace

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
  const double rate = rate_of(per_s);
  Bucket& bucket = bucket_of(name, rate * burst_factor, now_ms);
  bucket.tokens = refilled(bucket.tokens, rate, now_ms - bucket.filled_ms);
  bucket.filled_ms = now_ms;
  const int wait_s = seconds_until_one(bucket.tokens, rate);
  if (wait_s == 0) bucket.tokens -= 1;
  return wait_s;
}

int RateLimiter::wait_s(std::string_view name, std::uint32_t per_s, std::int64_t now_ms) const {
  const auto known = by_name_.find(name);
  if (known == by_name_.end()) return 0;
  const Bucket& bucket = *known->second;
  const double rate = rate_of(per_s);
  return seconds_until_one(refilled(bucket.tokens, rate, now_ms - bucket.filled_ms), rate);
}

}  // namespace plugin
