#include "broker/places.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "broker/names.h"
#include "broker/octets.h"

namespace broker {

namespace {

/// More would save no exchange that counts, and be missed elsewhere.
constexpr std::uint64_t spare_max = 256;

}  // namespace

PlacesShare settle_places(const PlacesShare& stored, const PlacesReport& report,
                          const PlacesOthers& others) {
  if (report.sequence <= stored.sequence) return stored;
  const std::uint64_t left = saturating_sub(saturating_sub(report.limit, others.held), report.kept);
  return {report.kept + std::min(report.wanted, left), report.sequence};
}

Status check_places(const PlacesReport& report) {
  const PlacesKey& key = report.key;
  const auto refuse = [&](const std::string& what) {
    return Error{"places of " + for_log(key.csp, csp_id_octets_max) + "/" +
                 std::string(to_string(key.media)) + ": " + what};
  };
  if (key.csp.empty() || key.csp.size() > csp_id_octets_max)
    return refuse("the CSP's id has " + std::to_string(key.csp.size()) + " octets; 1 to " +
                  std::to_string(csp_id_octets_max) + " are allowed");
  if (to_string(key.media).empty()) return refuse("the media type is not one");
  const std::array<std::pair<std::string_view, std::uint64_t>, 3> amounts{
      {{"limit", report.limit}, {"kept", report.kept}, {"wanted", report.wanted}}};
  for (const auto& [name, amount] : amounts)
    if (amount > places_max)
      return refuse(std::string(name) + " is " + std::to_string(amount) +
                    "; at most 2^31 is allowed");
  if (report.sequence == 0) return refuse("sequence is 0; 1 is the first");
  if (report.sequence > octets_max) return refuse("sequence is more than 2^63-1");
  return Nothing{};
}

std::uint64_t spare_places(std::uint64_t remaining, std::uint64_t other_holders) {
  return std::min(remaining / 4 / (other_holders + 1), spare_max);
}

}  // namespace broker
