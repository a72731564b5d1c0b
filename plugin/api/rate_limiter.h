// Token buckets by name, in a bounded table: what a client that floods gets is 429, not memory.
// Owner: ApiContext. Threads: the HTTP thread.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace plugin {

class RateLimiter {
 public:
  static constexpr std::uint32_t burst_factor = 4;  ///< tokens in a full bucket, in seconds' worth

  explicit RateLimiter(std::size_t buckets_max) : buckets_max_(buckets_max) {}

  /// Draws one token from the bucket of `name`, which refills with `per_s` tokens a second. 0: drawn;
  /// else in how many whole seconds there will be one. When the table is full, the bucket that was
  /// used longest ago is forgotten, which favours its owner. `now_ms` is steady.
  [[nodiscard]] int draw(std::string_view name, std::uint32_t per_s, std::int64_t now_ms);

  /// In how many whole seconds there will be a token to draw; 0: there is one. Draws none.
  [[nodiscard]] int wait_s(std::string_view name, std::uint32_t per_s, std::int64_t now_ms) const;

  [[nodiscard]] std::size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    std::string name;
    double tokens = 0;
    std::int64_t filled_ms = 0;
  };
  [[nodiscard]] Bucket& bucket_of(std::string_view name, double full, std::int64_t now_ms);

  std::size_t buckets_max_;
  std::list<Bucket> buckets_;  ///< the latest used first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_name_;  ///< into the list
};

}  // namespace plugin
