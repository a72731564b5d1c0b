// A file system of a few megabytes that a test may fill: a tmpfs in a mount namespace of its own, which
// the processes that the test starts see, too. Needs the right to make one.
// Owner: the test; gone with it, after the processes that use it. Threads: the one that made it, which
// starts the processes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "support/temp_dir.h"

namespace turntest {

/// The machine does not let us: a reason to skip a test, not to fail it.
struct NoSmallDisk : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class SmallDisk {
 public:
  /// Throws NoSmallDisk. From now on temporary directories are made on it.
  explicit SmallDisk(std::size_t octets);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// Writes until nothing more fits.
  void fill() const;
  void free_again() const;
  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }

 private:
  TempDir directory_;
  std::string tmpdir_before_;
};

}  // namespace turntest
