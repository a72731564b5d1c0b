// What a relay tells the fleet of itself, once a second: who it is, where it can be reached, and how
// much it carries. Owner: regular value types. Threads: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/coordinates.h"
#include "broker/octets.h"

namespace broker {

inline constexpr std::uint32_t relay_weight_max = 1000;
inline constexpr std::uint32_t relay_weight_default = 100;

struct RelayStatus {
  std::string id;                 ///< is_relay_id
  std::uint64_t incarnation = 0;  ///< of the process; 0: not known
  std::string version;            ///< of the software, for people
  std::string domain;             ///< is_relay_id, or empty; CSPs may be bound to domains
  std::string region;             ///< alike; for people
  std::optional<Coordinates> place;
  std::vector<std::string> urls;  ///< check_turn_uri; as configured, at most relay_urls_max
  std::uint32_t weight = relay_weight_default;  ///< 1 .. relay_weight_max: its share of clients
  std::optional<BitRate> capacity;  ///< of payload, both directions together; nullopt: not known
  std::optional<std::uint64_t> allocations_max;  ///< at once; nullopt: not known
  std::uint64_t allocations = 0;                 ///< now
  std::array<std::uint64_t, 2> octets_per_s{};   ///< client_to_peer, peer_to_client
  double cpu = 0;                                ///< of all cores that the process may use, 0 .. 1
  std::uint64_t dropped_packets_per_s = 0;       ///< that its sockets had no room for
  bool healthy = true;
  std::string reason;             ///< why it is not healthy; empty when it is
  bool draining = false;          ///< live calls go on, new ones go elsewhere
  std::int64_t heartbeat_ms = 0;  ///< grows with each telling; Unix time by the teller's clock
  friend bool operator==(const RelayStatus&, const RelayStatus&) = default;
};

/// How much of the relay is used, 0 (idle) and up: the largest of allocations / allocations_max,
/// octets / capacity and cpu, as far as they are known. `arrivals` clients were sent there since it
/// told; each counts as what an allocation there costs, so that many of them do not all go to the
/// relay that looked best a moment ago.
[[nodiscard]] double load_of(const RelayStatus& relay, std::uint64_t arrivals);

/// It has as many allocations as it can have.
[[nodiscard]] bool is_full(const RelayStatus& relay);

}  // namespace broker
