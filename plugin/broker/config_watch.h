// Tells when a file of the configuration has changed, whatever way it was written (in place,
// renamed over, a symbolic link moved, over a network file system). It looks at intervals instead
// of being told: closing an inotify descriptor can wait in the kernel for seconds, which a stop
// must not. Owner: the broker. Threads: the broker thread.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/config.h"

namespace plugin {

class ConfigWatch {
 public:
  explicit ConfigWatch(broker::ConfigFiles files) : files_(std::move(files)) {}

  /// From now on these files, and those that these patterns match at the time of a look. A file
  /// not seen before counts as changed: it may have been written since it was loaded.
  void watch(std::vector<std::string> paths, std::vector<std::string> patterns);

  /// To be called at intervals: true when the files are to be loaded again. Editors write in steps,
  /// so that is at the look after the one that saw a change; but a directory need not be quiet.
  [[nodiscard]] bool look();

 private:
  /// Device, inode, size, and times of the last change of contents and inode, in s and ns; or what
  /// makes the file unknowable.
  using Stamp = std::array<std::int64_t, 8>;
  using Stamps = std::map<std::string, Stamp>;
  [[nodiscard]] Stamps stamps() const;

  broker::ConfigFiles files_;
  std::vector<std::string> paths_;
  std::vector<std::string> patterns_;
  Stamps seen_;
  std::optional<Stamps> changed_;
};

}  // namespace plugin
