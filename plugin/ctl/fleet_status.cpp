#include "ctl/fleet_status.h"

#include <map>

namespace plugin {

namespace {

void add(std::optional<std::uint64_t>& sum, std::optional<std::uint64_t> more) {
  if (more) sum = broker::saturating_add(sum.value_or(0), *more);
}

}  // namespace

std::vector<DomainView> domains_of(std::span<const RelayView> relays) {
  std::map<std::string, DomainView> domains;
  for (const RelayView& relay : relays) {
    const broker::RelayStatus& status = relay.status;
    DomainView& domain = domains[status.domain];
    ++domain.relays;
    if (!relay.up) continue;
    ++domain.up;
    if (status.healthy) ++domain.healthy;
    if (status.draining) ++domain.draining;
    domain.allocations += status.allocations;
    add(domain.allocations_max, status.allocations_max);
    if (status.capacity) add(domain.capacity_bits_per_s, status.capacity->bits_per_s);
    for (std::size_t d = 0; d < domain.octets_per_s.size(); ++d)
      domain.octets_per_s.at(d) += status.octets_per_s.at(d);
  }
  std::vector<DomainView> found;
  for (auto& [name, domain] : domains) {
    domain.domain = name;
    found.push_back(std::move(domain));
  }
  return found;
}

}  // namespace plugin
