// Relays for tests of selection, and how even a spread over them is.
// Owner: a test. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "broker/relay_selection.h"

namespace tests {

inline broker::RelayStatus relay(const std::string& id) {
  broker::RelayStatus status;
  status.id = id;
  status.urls = {"turn:" + id + ".example"};
  status.allocations_max = 10'000;
  return status;
}

/// "r0", "r1" and on.
inline std::vector<broker::RelayStatus> relays(std::size_t count) {
  std::vector<broker::RelayStatus> fleet;
  for (std::size_t i = 0; i < count; ++i) fleet.push_back(relay("r" + std::to_string(i)));
  return fleet;
}

/// Whoever asks: counts what was handed out, as the API does.
class Asker {
 public:
  Asker(std::vector<broker::RelayStatus> fleet, broker::SelectionRules rules, std::uint64_t seed)
      : fleet_(std::move(fleet)), rules_(std::move(rules)), engine_(seed) {}

  std::vector<broker::RelayStatus>& fleet() { return fleet_; }
  broker::SelectionRules& rules() { return rules_; }
  std::map<std::string, std::int64_t>& ages_ms() { return ages_ms_; }
  /// Whether it counts: without, each client is chosen for as if it were the first.
  bool counts = true;

  broker::Selection select(const broker::SelectionRequest& request = {}) {
    std::vector<broker::RelayCandidate> candidates;
    for (const auto& status : fleet_)
      candidates.push_back({&status, ages_ms_[status.id], counts ? handed_out_[status.id] : 0});
    return broker::select_relays(candidates, rules_, request, [this] { return engine_(); });
  }
  /// The best one's id; counted. "" when there is none.
  std::string next(const broker::SelectionRequest& request = {}) {
    const auto selection = select(request);
    if (selection.relay_ids.empty()) return "";
    ++handed_out_[selection.relay_ids.front()];
    return selection.relay_ids.front();
  }
  std::map<std::string, std::uint64_t>& handed_out() { return handed_out_; }

 private:
  std::vector<broker::RelayStatus> fleet_;
  broker::SelectionRules rules_;
  std::mt19937_64 engine_;
  std::map<std::string, std::int64_t> ages_ms_;
  std::map<std::string, std::uint64_t> handed_out_;
};

/// Pearson's chi-square of what came against the shares that were to be expected.
inline double chi_square(const std::vector<std::uint64_t>& came,
                         const std::vector<double>& shares) {
  const auto all = static_cast<double>(std::accumulate(came.begin(), came.end(), std::uint64_t{0}));
  const double whole = std::accumulate(shares.begin(), shares.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < came.size(); ++i) {
    const double expected = all * shares[i] / whole;
    sum += (static_cast<double>(came[i]) - expected) * (static_cast<double>(came[i]) - expected) /
           expected;
  }
  return sum;
}

/// What a spread by lot exceeds once in a thousand runs, by degrees of freedom (1 .. 8).
inline double chi_square_critical(std::size_t degrees) {
  constexpr double table[] = {0, 10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124};
  return table[degrees];
}

}  // namespace tests
