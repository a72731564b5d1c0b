// What two servers print, without what no two runs have in common: times, process ids, ports,
// paths.
//
// Owner: regular values. Threads: any.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace compat {

/// A text to be replaced wherever it occurs, and by what.
struct Replacement {
  std::string what, by;
};

/// The lines of an output, sorted, because threads print in no order; without the time in front.
[[nodiscard]] std::multiset<std::string> lines_of(std::string text,
                                                  const std::vector<Replacement>& replacements);

/// Only what a program says, in its order.
[[nodiscard]] std::string plain(std::string text, const std::vector<Replacement>& replacements);

/// What is in one and not in the other, for a test's message; empty when they are equal.
[[nodiscard]] std::string difference(const std::multiset<std::string>& left,
                                     const std::multiset<std::string>& right);

}  // namespace compat
