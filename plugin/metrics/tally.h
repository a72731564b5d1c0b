// Counters by CSP and media type that never go back while the process lives, whatever becomes of the
// accounts: periods end, clients and quotas go and come again.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "broker/account.h"
#include "records/usage_record.h"

namespace plugin {

/// (CSP, media type), whatever the period.
using QuotaName = std::pair<std::string, broker::MediaType>;

inline constexpr std::array<EndReason, 7> all_end_reasons{
    EndReason::released, EndReason::expired,  EndReason::quota_exhausted, EndReason::cancelled,
    EndReason::revoked,  EndReason::shutdown, EndReason::recovered};

class Tally {
 public:
  using ByReason = std::array<std::uint64_t, all_end_reasons.size()>;

  void closed(const QuotaName& quota, EndReason reason) {
    ++closed_[quota].at(static_cast<std::size_t>(reason));
  }
  [[nodiscard]] const std::map<QuotaName, ByReason>& closed() const { return closed_; }

  /// What is shown of `now`: never less than before. A packet that the kernel did not take after all is
  /// counted for a moment.
  [[nodiscard]] broker::UsedTotals shown(const QuotaName& quota, const broker::UsedTotals& now) {
    broker::UsedTotals& most = shown_[quota];
    for (std::size_t d = 0; d < 2; ++d) {
      most.octets.at(d) = std::max(most.octets.at(d), now.octets.at(d));
      most.packets.at(d) = std::max(most.packets.at(d), now.packets.at(d));
    }
    return most;
  }

 private:
  std::map<QuotaName, ByReason> closed_;
  std::map<QuotaName, broker::UsedTotals> shown_;
};

}  // namespace plugin
