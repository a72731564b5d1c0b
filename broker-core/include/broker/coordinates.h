// Places on the earth, and how far apart they are.
// Owner: regular value types. Threads: any.
#pragma once

#include <optional>
#include <string_view>

#include "broker/result.h"

namespace broker {

struct Coordinates {
  double latitude_deg = 0;   ///< -90 .. 90, north is positive
  double longitude_deg = 0;  ///< -180 .. 180, east is positive
  friend bool operator==(const Coordinates&, const Coordinates&) = default;
};

inline constexpr double latitude_deg_max = 90;
inline constexpr double longitude_deg_max = 180;

/// Both finite and within their ranges.
[[nodiscard]] bool on_earth(const Coordinates& place);

/// "52.52", "-0.1278", "7": digits with an optional sign and fraction, from -deg_max to deg_max.
/// nullopt for all else, also for exponents, blanks and a leading '+'.
[[nodiscard]] std::optional<double> parse_degrees(std::string_view text, double deg_max);

/// Along the great circle, on a sphere of the earth's mean radius: wrong by 0.6 % at most.
/// Precondition: both are on_earth().
[[nodiscard]] double distance_km(const Coordinates& from, const Coordinates& to);

}  // namespace broker
