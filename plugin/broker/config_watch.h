// Tells when a file of the configuration has changed, whatever way it was written (in place,
// renamed over, a symbolic link moved). Owner: the broker. Threads: the broker thread.
#pragma once

#include <string>
#include <vector>

#include "broker/result.h"
#include "unique_fd.h"

namespace plugin {

class ConfigWatch {
 public:
  [[nodiscard]] static broker::Result<ConfigWatch> create();

  /// Watches the directories these files lie in, and those that the patterns' files would lie in.
  /// What cannot be watched is left out and named in the error; the rest is watched all the same.
  [[nodiscard]] broker::Status watch(const std::vector<std::string>& files);

  /// Readable when something happened; to be followed by drain().
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  void drain();

 private:
  explicit ConfigWatch(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::vector<int> watches_;
};

}  // namespace plugin
