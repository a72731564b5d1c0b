#include "traffic_mix.h"

#include <algorithm>

namespace fleet_bench {

TrafficMix::TrafficMix(double relay_bit_s, std::size_t accounts) {
  double octets_per_call = 0;
  for (const CallClass& call : call_classes)
    octets_per_call += call.share * call.mean_s * (call.octets_per_s[0] + call.octets_per_s[1]);
  arrivals_per_s_ = relay_bit_s / 8 / octets_per_call;
  const std::size_t csps = std::max<std::size_t>(accounts / media_per_csp, 1);
  double sum = 0;
  for (std::size_t rank = 1; rank <= csps; ++rank) {
    sum += 1.0 / static_cast<double>(rank);
    csp_cumulative_.push_back(sum);
  }
}

double TrafficMix::live_calls() const {
  double live = 0;
  for (const CallClass& call : call_classes) live += arrivals_per_s_ * call.share * call.mean_s;
  return live;
}

std::size_t TrafficMix::any_csp(Random& random) const {
  const double at = std::uniform_real_distribution<>(0, csp_cumulative_.back())(random);
  const auto found = std::upper_bound(csp_cumulative_.begin(), csp_cumulative_.end(), at);
  return std::min<std::size_t>(static_cast<std::size_t>(found - csp_cumulative_.begin()),
                               csp_cumulative_.size() - 1);
}

std::size_t TrafficMix::any_class(Random& random) {
  double at = std::uniform_real_distribution<>(0, 1)(random);
  for (std::size_t i = 0; i + 1 < call_classes.size(); ++i) {
    at -= call_classes.at(i).share;
    if (at < 0) return i;
  }
  return call_classes.size() - 1;
}

double TrafficMix::any_duration_s(std::size_t call_class, Random& random) {
  const CallClass& call = call_classes.at(call_class);
  return call.fixed ? call.mean_s : std::exponential_distribution<>(1 / call.mean_s)(random);
}

double TrafficMix::next_arrival_s(Random& random) const {
  return std::exponential_distribution<>(arrivals_per_s_)(random);
}

std::size_t TrafficMix::any_live_count(std::size_t call_class, Random& random) const {
  const CallClass& call = call_classes.at(call_class);
  return std::poisson_distribution<std::size_t>(arrivals_per_s_ * call.share * call.mean_s)(random);
}

double TrafficMix::any_rest_s(std::size_t call_class, Random& random) {
  const CallClass& call = call_classes.at(call_class);
  return call.fixed ? std::uniform_real_distribution<>(0, call.mean_s)(random)
                    : any_duration_s(call_class, random);
}

}  // namespace fleet_bench
