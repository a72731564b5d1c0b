// Which quotas may have another client account on this relay: each has a part of the room for itself, and
// the rest goes to whoever comes first.
// Owner: AccountBook. Threads: the broker thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "broker/media_type.h"

namespace plugin {

class ClientRoom {
 public:
  using Quota = std::pair<std::string, broker::MediaType>;

  /// `accounts`: as many fit in all. A quarter of them is kept for the quotas, in equal parts.
  void resize(std::size_t accounts, std::size_t quotas) {
    own_ = quotas == 0 ? 0 : accounts / own_part / quotas;
    open_ = accounts - own_ * quotas;
    open_taken_ = 0;
    for (const auto& [quota, count] : taken_) open_taken_ += beyond_own(count);
  }

  [[nodiscard]] bool has_any(const Quota& quota) const {
    const auto found = taken_.find(quota);
    return (found != taken_.end() ? found->second : 0) < own_ || open_taken_ < open_;
  }
  /// Little is left of what all share.
  [[nodiscard]] bool is_scarce() const { return open_taken_ >= open_ - open_ / scarce_part; }

  void take(const Quota& quota) {
    if (++taken_[quota] > own_) ++open_taken_;
  }
  void give_back(const Quota& quota) {
    const auto found = taken_.find(quota);
    if (found->second > own_) --open_taken_;
    if (--found->second == 0) taken_.erase(found);
  }

 private:
  static constexpr std::size_t own_part = 4;
  static constexpr std::size_t scarce_part = 4;

  [[nodiscard]] std::size_t beyond_own(std::size_t count) const {
    return count - std::min(count, own_);
  }

  std::map<Quota, std::size_t> taken_;
  std::size_t own_ = 0;         ///< of each quota
  std::size_t open_ = 0;        ///< to all
  std::size_t open_taken_ = 0;  ///< beyond what is each quota's own
};

}  // namespace plugin
