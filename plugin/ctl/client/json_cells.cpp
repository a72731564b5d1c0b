#include "ctl/client/json_cells.h"

#include <fmt/format.h>

#include <array>

#include "broker/octets.h"

namespace plugin::ctl {

using http::Json;

std::string text(const Json& row, const char* name) {
  const Json& value = row.at(name);
  return value.is_null() ? "-" : value.get<std::string>();
}

std::uint64_t number(const Json& row, const char* name) {
  return row.at(name).get<std::uint64_t>();
}

std::string volume(const Json& row, const char* name) {
  if (row.at(name).is_null()) return "-";
  return broker::format_octets_rounded(broker::Octets{number(row, name)});
}

std::string rate(const Json& row, const char* name) {
  return bits_text(static_cast<double>(number(row, name)) * 8);
}

std::string counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string bits_text(double bits_per_s) {
  static constexpr std::array<std::string_view, 5> units{"bit/s", "kbit/s", "Mbit/s", "Gbit/s",
                                                         "Tbit/s"};
  constexpr double step = 1'000;
  // What would be shown as 1000 of a unit is 1 of the next.
  constexpr double next = 999.5;
  std::size_t unit = 0;
  double shown = bits_per_s;
  for (; shown >= next && unit + 1 < units.size(); ++unit) shown /= step;
  if (unit == 0) return fmt::format("{:.0f} {}", shown, units.at(unit));
  const int decimals = shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", shown, decimals, units.at(unit));
}

}  // namespace plugin::ctl
