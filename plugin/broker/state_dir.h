// The directory a relay keeps its state in, held by one process at a time.
// Owner: the broker. Threads: the starting thread.
#pragma once

#include <string>

#include "broker/config.h"
#include "broker/result.h"
#include "unique_fd.h"

namespace plugin {

class StateDir {
 public:
  /// Makes the directory (mode 0700) when it is missing, and locks it. One that is there keeps its mode. An error
  /// when another process holds it.
  [[nodiscard]] static broker::Result<StateDir> open(const std::string& path);

  /// A path of the configuration: as it is when absolute, else below the directory.
  [[nodiscard]] std::string resolve(const std::string& path) const;

  [[nodiscard]] std::string meter_table() const { return resolve("meters"); }

 private:
  StateDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  UniqueFd lock_;
};

}  // namespace plugin
