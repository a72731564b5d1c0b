#include "broker/relay_status.h"

#include <algorithm>

namespace broker {

namespace {

constexpr double bits_per_octet = 8;
/// Of a relay with fewer allocations nobody can tell what one more costs.
constexpr std::uint64_t telling_allocations = 32;
/// What an arrival counts at least, so that relays of which nothing is known take turns.
constexpr double arrival_load_min = 1e-4;

}  // namespace

double load_of(const RelayStatus& relay, std::uint64_t arrivals) {
  const auto more = static_cast<double>(arrivals);
  const double growth =
      1 + more / static_cast<double>(std::max(relay.allocations, telling_allocations));
  double load = relay.cpu * growth;
  if (relay.capacity) {
    const double octets_per_s =
        static_cast<double>(relay.octets_per_s[0]) + static_cast<double>(relay.octets_per_s[1]);
    const auto capacity =
        static_cast<double>(std::max<std::uint64_t>(relay.capacity->bits_per_s, 1));
    load = std::max(load, octets_per_s * bits_per_octet / capacity * growth);
  }
  if (relay.allocations_max) {
    const auto most = static_cast<double>(std::max<std::uint64_t>(*relay.allocations_max, 1));
    load = std::max(load, (static_cast<double>(relay.allocations) + more) / most);
  }
  // Added, not taken as a bound: else it would vanish beside any other load.
  return load + more * arrival_load_min;
}

bool is_full(const RelayStatus& relay) {
  return relay.allocations_max && relay.allocations >= *relay.allocations_max;
}

}  // namespace broker
