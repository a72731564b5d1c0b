// A part of a list, for what takes no more at a time.
// Owner: pure functions. Threads: any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

namespace plugin {

/// Moves the last elements out of `list`: `most` of them, or all where there are no more.
template <typename T>
[[nodiscard]] std::vector<T> take_last(std::vector<T>& list, std::size_t most) {
  const auto from = list.end() - static_cast<std::ptrdiff_t>(std::min(list.size(), most));
  std::vector<T> taken(std::make_move_iterator(from), std::make_move_iterator(list.end()));
  list.erase(from, list.end());
  return taken;
}

}  // namespace plugin
