// What the simulated fleet carries, and who makes it: the one place with the numbers.
// Owner: values, the same for all relays of a run. Threads: any; the random numbers are the caller's.
//
// Calls arrive as a Poisson process on each relay, so many that the relay carries its rate on average.
// A call is of one class, with these shares of all calls:
//
//   class       share  account  client_to_peer  peer_to_client  packet  lasts
//   audio       40 %   audio    40 kbit/s       40 kbit/s       100     4 min on average, exponential
//   video       40 %   video    1.5 Mbit/s      1.5 Mbit/s      1,100   6 min on average, exponential
//   conference  12 %   video    1.5 Mbit/s      6 Mbit/s        1,100   25 min on average, exponential
//   file         8 %   data     20 Mbit/s       -               1,200   80 s: 200 MB
//
// An account is a CSP's quota of one media type; there are three for each CSP. Which CSP a call is of
// follows Zipf's law with exponent 1 over all CSPs, on every relay: large ones have calls on all
// relays at any time, the many small ones on a few. No quota ends while it is measured.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "broker/media_type.h"

namespace fleet_bench {

using Random = std::mt19937_64;

struct CallClass {
  const char* name;
  double share;  ///< of all calls
  broker::MediaType media;
  std::array<double, 2> octets_per_s;  ///< client_to_peer, peer_to_client
  std::uint64_t packet_octets;
  double mean_s;
  bool fixed;  ///< lasts exactly mean_s; else that is the mean of an exponential distribution
};

inline constexpr std::array<CallClass, 4> call_classes{{
    {"audio", 0.40, broker::MediaType::audio, {5e3, 5e3}, 100, 240, false},
    {"video", 0.40, broker::MediaType::video, {187.5e3, 187.5e3}, 1'100, 360, false},
    {"conference", 0.12, broker::MediaType::video, {187.5e3, 750e3}, 1'100, 1'500, false},
    {"file", 0.08, broker::MediaType::data, {2.5e6, 0}, 1'200, 80, true},
}};
inline constexpr std::size_t media_per_csp = 3;

class TrafficMix {
 public:
  TrafficMix(double relay_bit_s, std::size_t accounts);

  [[nodiscard]] std::size_t csps() const { return csp_cumulative_.size(); }
  /// Of one relay.
  [[nodiscard]] double arrivals_per_s() const { return arrivals_per_s_; }
  [[nodiscard]] double live_calls() const;

  [[nodiscard]] std::size_t any_csp(Random& random) const;
  /// Of a call that begins.
  [[nodiscard]] static std::size_t any_class(Random& random);
  [[nodiscard]] static double any_duration_s(std::size_t call_class, Random& random);
  [[nodiscard]] double next_arrival_s(Random& random) const;

  /// How many calls of a class a relay has at any moment, and how long one that is met lasts yet.
  [[nodiscard]] std::size_t any_live_count(std::size_t call_class, Random& random) const;
  [[nodiscard]] static double any_rest_s(std::size_t call_class, Random& random);

 private:
  double arrivals_per_s_ = 0;
  std::vector<double> csp_cumulative_;
};

}  // namespace fleet_bench
