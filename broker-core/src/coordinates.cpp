#include "broker/coordinates.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace broker {

namespace {

constexpr double earth_radius_km = 6371.0088;
constexpr double pi = 3.14159265358979323846;
constexpr std::size_t degrees_octets_max = 32;

double radians(double degrees) { return degrees * (pi / 180); }

double square(double value) { return value * value; }

}  // namespace

bool on_earth(const Coordinates& place) {
  // Not a number is not less than anything.
  return std::abs(place.latitude_deg) <= latitude_deg_max &&
         std::abs(place.longitude_deg) <= longitude_deg_max;
}

std::optional<double> parse_degrees(std::string_view text, double deg_max) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const bool plain = !digits.empty() && digits.front() != '.' && digits.back() != '.' &&
                     digits.find_first_not_of("0123456789.") == std::string_view::npos;
  if (!plain || text.size() > degrees_octets_max) return std::nullopt;
  double degrees = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, degrees, std::chars_format::fixed);
  if (error != std::errc{} || end != last || std::abs(degrees) > deg_max) return std::nullopt;
  return degrees;
}

double distance_km(const Coordinates& from, const Coordinates& to) {
  const double latitude = radians(from.latitude_deg);
  const double other_latitude = radians(to.latitude_deg);
  // The haversine form: exact for neighbours, where the cosine rule cancels out.
  const double half = square(std::sin((other_latitude - latitude) / 2)) +
                      std::cos(latitude) * std::cos(other_latitude) *
                          square(std::sin(radians(to.longitude_deg - from.longitude_deg) / 2));
  return 2 * earth_radius_km * std::asin(std::sqrt(std::clamp(half, 0.0, 1.0)));
}

}  // namespace broker
