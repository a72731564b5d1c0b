// Allocate requests that were refused, by the answer they got.
// Owner: RelaySide. Threads: any; no locks. Nothing of it is on a packet's path.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace plugin {

class RefusalCounts {
 public:
  /// STUN error codes, and what they are called in metrics.
  static constexpr std::array<std::pair<std::uint16_t, std::string_view>, 5> reasons{
      {{401, "unauthorized"},  // the credential is revoked or no longer valid
       {403, "forbidden"},     // there is no such quota
       {486, "quota"},         // it is exhausted, or has as many allocations as it may
       {500, "no_answer"},     // of the ledger, in time
       {508, "capacity"}}};    // the relay is full or drains

  void add(std::uint16_t error_code) {
    const auto reason =
        std::ranges::find(reasons, error_code, [](const auto& r) { return r.first; });
    if (reason == reasons.end()) return;
    counts_.at(static_cast<std::size_t>(reason - reasons.begin()))
        .fetch_add(1, std::memory_order_relaxed);
  }

  [[nodiscard]] std::array<std::uint64_t, reasons.size()> counts() const {
    std::array<std::uint64_t, reasons.size()> out{};
    for (std::size_t i = 0; i < out.size(); ++i)
      out.at(i) = counts_.at(i).load(std::memory_order_relaxed);
    return out;
  }

 private:
  std::array<std::atomic<std::uint64_t>, reasons.size()> counts_{};
};

}  // namespace plugin
