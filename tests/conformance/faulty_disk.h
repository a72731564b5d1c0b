// A disk that fails on demand, below SQLite: a VFS that passes everything on to the system's, but
// for one chosen write or sync. Owner: the test; one at a time, since it stands in for SQLite's
// default. Threads: one.
#pragma once

#include <sqlite3.h>

#include <functional>

namespace conformance {

enum class DiskChange { write, sync, truncate };

class FaultyDisk {
 public:
  /// Becomes SQLite's default VFS for databases opened from now on.
  FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;
  ~FaultyDisk();

  /// Called before every write, sync and truncation; a code other than SQLITE_OK is what SQLite
  /// gets instead of it.
  void before_change(std::function<int(DiskChange)> hook);
  /// Files cannot be opened for writing, as on a read-only file system.
  void only_readable(bool value);
};

}  // namespace conformance
