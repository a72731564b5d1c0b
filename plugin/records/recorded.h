// Which allocations of an earlier run have their usage record already: a process can end between
// writing a record and noting that it did.
// Owner: pure but for reading files. Threads: the starting thread; blocks as long as reading takes.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace plugin {

/// The names of the incarnation's allocations (`allocation` in UsageRecord) that have a whole line in
/// the file at `path` or in rotated ones. Records of an incarnation are written one after another:
/// rotated files are read from the newest on, up to the first that has none of them. What cannot be
/// read has none.
[[nodiscard]] std::unordered_set<std::string> recorded_allocations(const std::string& path,
                                                                   std::string_view incarnation);

}  // namespace plugin
