// Configuration files in memory, for tests that need no file system.
// Owner: a test. Threads: one.
#pragma once

#include <fnmatch.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"

namespace tests {

using MemoryFiles = std::map<std::string, std::string>;

inline broker::ConfigFiles config_files(const MemoryFiles& files) {
  return {[files](const std::string& path) -> broker::Result<std::string> {
            const auto found = files.find(path);
            if (found == files.end()) return broker::Error{"No such file or directory"};
            return found->second;
          },
          [files](const std::string& pattern) -> broker::Result<std::vector<std::string>> {
            std::vector<std::string> paths;
            for (const auto& [path, content] : files)
              if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0)
                paths.push_back(path);
            return paths;
          }};
}

/// Splits a text at lines "#@ NAME": what stands before the first is turnbroker.toml, what follows
/// each is the file of that name.
inline MemoryFiles split_files(std::string_view text) {
  constexpr std::string_view mark = "#@ ";
  MemoryFiles files;
  std::string name = "turnbroker.toml";
  files[name];
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::size_t end = newline == std::string_view::npos ? text.size() : newline + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (line.starts_with(mark)) {
      name = line.substr(mark.size(), line.find_last_not_of("\r\n") + 1 - mark.size());
      files[name];
    } else {
      files[name] += line;
    }
  }
  return files;
}

}  // namespace tests
