// An account: whose octets are counted together.
// Owner: values. Threads: any.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/media_type.h"
#include "broker/quota_period.h"

namespace broker {

/// Index into per-direction arrays; the same numbers as the door's turn_direction.
enum class Direction : std::uint8_t { client_to_peer = 0, peer_to_client = 1 };

inline constexpr std::size_t client_name_octets_max = 128;
inline constexpr std::size_t csp_id_octets_max = 63;
inline constexpr std::size_t relay_id_octets_max = 63;

/// (CSP, media type, period), or the share of one client name in it.
struct AccountKey {
  std::string csp;  ///< 1 .. csp_id_octets_max octets
  MediaType media = MediaType::audio;
  UnixSeconds period_start_s = 0;  ///< Period::start_s
  std::string client;              ///< empty: the whole CSP; else one client name of at most
                                   ///< client_name_octets_max octets
  friend auto operator<=>(const AccountKey&, const AccountKey&) = default;
};

/// Cumulative octets and packets by direction.
struct UsedTotals {
  std::array<std::uint64_t, 2> octets{};
  std::array<std::uint64_t, 2> packets{};

  UsedTotals& operator+=(const UsedTotals& other) {
    for (std::size_t i = 0; i < 2; ++i) {
      octets[i] += other.octets[i];
      packets[i] += other.packets[i];
    }
    return *this;
  }
  /// Both directions.
  [[nodiscard]] std::uint64_t all_octets() const { return octets[0] + octets[1]; }
  friend bool operator==(const UsedTotals&, const UsedTotals&) = default;
};

}  // namespace broker
