#include "conformance/faulty_disk.h"

#include <map>
#include <stdexcept>
#include <utility>

namespace conformance {

namespace {

/// The system's methods with ours in place of some; `methods` is first, so that a file's pMethods
/// leads here.
struct Wrapped {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* system;
};

struct State {
  sqlite3_vfs* system = nullptr;
  sqlite3_vfs vfs{};
  std::map<const sqlite3_io_methods*, Wrapped> wrapped;
  std::function<int(DiskChange)> hook;
  bool only_readable = false;
};

State& state() {
  static State the_state;
  return the_state;
}

const sqlite3_io_methods* system_of(sqlite3_file* file) {
  return reinterpret_cast<const Wrapped*>(file->pMethods)->system;
}

int hooked(DiskChange change) { return state().hook ? state().hook(change) : SQLITE_OK; }

int write_or_fail(sqlite3_file* file, const void* octets, int count, sqlite3_int64 offset) {
  if (const int code = hooked(DiskChange::write); code != SQLITE_OK) return code;
  return system_of(file)->xWrite(file, octets, count, offset);
}

int sync_or_fail(sqlite3_file* file, int flags) {
  if (const int code = hooked(DiskChange::sync); code != SQLITE_OK) return code;
  return system_of(file)->xSync(file, flags);
}

int truncate_or_fail(sqlite3_file* file, sqlite3_int64 size) {
  if (const int code = hooked(DiskChange::truncate); code != SQLITE_OK) return code;
  return system_of(file)->xTruncate(file, size);
}

int open_wrapped(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  if (state().only_readable) {
    flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    flags |= SQLITE_OPEN_READONLY;
  }
  const int code = state().system->xOpen(state().system, name, file, flags, flags_out);
  if (file->pMethods == nullptr) return code;
  Wrapped& wrapped =
      state()
          .wrapped.try_emplace(file->pMethods, Wrapped{*file->pMethods, file->pMethods})
          .first->second;
  wrapped.methods.xWrite = write_or_fail;
  wrapped.methods.xSync = sync_or_fail;
  wrapped.methods.xTruncate = truncate_or_fail;
  file->pMethods = &wrapped.methods;
  return code;
}

}  // namespace

FaultyDisk::FaultyDisk() {
  state().system = sqlite3_vfs_find(nullptr);
  if (state().system == nullptr) throw std::runtime_error("SQLite has no default VFS");
  state().vfs = *state().system;
  state().vfs.zName = "faulty-disk";
  state().vfs.xOpen = open_wrapped;
  if (sqlite3_vfs_register(&state().vfs, 1) != SQLITE_OK)
    throw std::runtime_error("SQLite refused the faulty VFS");
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&state().vfs);
  sqlite3_vfs_register(state().system, 1);
  before_change({});
  only_readable(false);
}

void FaultyDisk::before_change(std::function<int(DiskChange)> hook) {
  state().hook = std::move(hook);
}

void FaultyDisk::only_readable(bool value) { state().only_readable = value; }

}  // namespace conformance
