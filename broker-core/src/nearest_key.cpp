#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "config_table.h"

namespace broker {

namespace {

/// How many characters must be put in, left out, changed or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_rows_ago;
  std::vector<std::size_t> last_row(b.size() + 1);
  std::iota(last_row.begin(), last_row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last_row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last_row[j] + 1, row[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_rows_ago[j - 2] + 1);
    }
    two_rows_ago = std::move(last_row);
    last_row = std::move(row);
  }
  return last_row.back();
}

}  // namespace

std::optional<std::string_view> nearest_key(std::string_view key,
                                            std::span<const std::string_view> known) {
  constexpr std::size_t key_octets_max = 40;  // no known key is nearly as long
  if (key.size() > key_octets_max) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (std::string_view candidate : known) {
    const std::size_t distance = edit_distance(key, candidate);
    const std::size_t tolerated = std::max<std::size_t>(1, candidate.size() / 3);
    if (distance > tolerated || distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace broker
