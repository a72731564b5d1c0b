// What a relay tells the fleet of itself: as much as a real one.
// Owner: a pure function. Threads: any.
#pragma once

#include <fmt/format.h>

#include <string>

#include "broker/relay_status.h"
#include "clock.h"
#include "version.h"

namespace fleet_bench {

/// All but its load.
[[nodiscard]] inline broker::RelayStatus plausible_status(const std::string& id,
                                                          std::uint64_t incarnation,
                                                          const plugin::Clock& clock) {
  broker::RelayStatus self;
  self.id = id;
  self.incarnation = incarnation;
  self.version = plugin::version;
  self.domain = "core";
  self.region = "eu-central";
  self.place = broker::Coordinates{50.11, 8.68};
  self.urls = {fmt::format("turn:{}.example.org:3478?transport=udp", id),
               fmt::format("turns:{}.example.org:5349?transport=tcp", id)};
  self.capacity = broker::BitRate{10'000'000'000};
  self.allocations_max = 65'536;
  self.allocations = 220;
  self.octets_per_s = {60'000'000, 65'000'000};
  self.cpu = 0.2;
  self.heartbeat_ms = clock.unix_ms();
  return self;
}

}  // namespace fleet_bench
