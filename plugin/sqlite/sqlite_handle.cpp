#include "sqlite/sqlite_handle.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "unique_fd.h"

namespace plugin {

using broker::Error;
using broker::Nothing;
using broker::Result;
using broker::Status;

namespace {

constexpr mode_t owner_alone = S_IRUSR | S_IWUSR;

/// SQLite would make it as readable as the umask lets it, and the files beside it alike; whoever can read those
/// can hold a lock on them that keeps the ledger from being written. What goes wrong here, SQLite finds in its
/// turn. A file that is there is not even opened: closing it would end the locks that this process has on it.
void create_for_owner(const std::string& path) {
  if (path.empty() || path == ":memory:") return;
  const UniqueFd created(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, owner_alone));
}

}  // namespace

// A value that cannot be bound (SQLITE_NOMEM) stays NULL, and NOT NULL columns refuse it at the
// step.

void SqliteStatement::bind(int position, std::uint64_t amount) {
  sqlite3_bind_int64(statement_.get(), position, static_cast<std::int64_t>(amount));
}

void SqliteStatement::bind(int position, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), position, number);
}

void SqliteStatement::bind(int position, std::string_view text) {
  // A null pointer would mean NULL, not the empty text.
  const char* octets = text.empty() ? "" : text.data();
  sqlite3_bind_text64(statement_.get(), position, octets, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void SqliteStatement::reset() {
  // Its result repeats that of the step, which was looked at there.
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::uint64_t SqliteStatement::amount(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

std::int64_t SqliteStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::text(int column) const {
  const unsigned char* octets = sqlite3_column_text(statement_.get(), column);
  if (octets == nullptr) return {};
  return {reinterpret_cast<const char*>(octets),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, std::string_view what) {
  create_for_owner(path);
  return open_as(path, what, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

Result<SqliteDatabase> SqliteDatabase::open_to_read(const std::string& path,
                                                    std::string_view what) {
  return open_as(path, what, SQLITE_OPEN_READONLY);
}

Result<SqliteDatabase> SqliteDatabase::open_as(const std::string& path, std::string_view what,
                                               int flags) {
  if (path.empty()) return Error{"the " + std::string(what) + "'s path is empty"};
  const std::string doing = "open the " + std::string(what);
  sqlite3* handle = nullptr;
  // SQLITE_OPEN_NOMUTEX: the owner keeps to one thread at a time.
  const int code = sqlite3_open_v2(path.c_str(), &handle,
                                   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (handle == nullptr) return Error{path + ": cannot " + doing + ": out of memory"};
  SqliteDatabase database(path, handle);
  if (code != SQLITE_OK) return database.error(doing);
  sqlite3_busy_timeout(handle, sqlite_busy_ms_max);
  if ((flags & SQLITE_OPEN_READONLY) == 0 && sqlite3_db_readonly(handle, "main") == 1)
    return database.error(doing, "the file can only be read");
  return database;
}

void SqliteDatabase::keep_to_owner() const {
  const char* name = sqlite3_db_filename(handle_.get(), "main");
  if (name == nullptr || *name == '\0') return;
  for (const char* end : {"", "-wal", "-shm"}) {
    const std::string file = std::string(name) + end;
    struct stat found {};
    if (::lstat(file.c_str(), &found) != 0 || (found.st_mode & (S_IRWXG | S_IRWXO)) == 0) continue;
    // Another user's stays as that one wants it.
    static_cast<void>(::fchmodat(AT_FDCWD, file.c_str(), owner_alone, AT_SYMLINK_NOFOLLOW));
  }
}

Status SqliteDatabase::execute(const char* sql, std::string_view doing) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(doing);
  return Nothing{};
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    return error("prepare a statement");
  return SqliteStatement(statement);
}

Result<std::int64_t> SqliteDatabase::query_number(std::string_view sql, std::string_view doing) {
  Result<SqliteStatement> statement = prepare(sql);
  if (!statement) return error(doing);
  if (statement.value().step() != SQLITE_ROW) return error(doing);
  return statement.value().number(0);
}

Result<std::string> SqliteDatabase::query_text(std::string_view sql, std::string_view doing) {
  Result<SqliteStatement> statement = prepare(sql);
  if (!statement) return error(doing);
  if (statement.value().step() != SQLITE_ROW) return error(doing);
  return statement.value().text(0);
}

Error SqliteDatabase::error(std::string_view doing) const {
  const int code = sqlite3_extended_errcode(handle_.get());
  const int cause = sqlite3_system_errno(handle_.get());
  std::string reason = sqlite3_errmsg(handle_.get());
  const bool from_system = (code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_IOERR;
  if (from_system && cause != 0) reason += ": " + std::generic_category().message(cause);
  // "disk I/O error" alone does not say which of thirty.
  if (code > 0xFF) reason += " (SQLite code " + std::to_string(code) + ")";
  return error(doing, reason);
}

Error SqliteDatabase::error(std::string_view doing, std::string_view reason) const {
  return Error{path_ + ": cannot " + std::string(doing) + ": " + std::string(reason)};
}

Result<SqliteTransaction> SqliteTransaction::begin(SqliteDatabase& database) {
  if (Status begun = database.execute("BEGIN IMMEDIATE", "write"); !begun) return begun.error();
  return SqliteTransaction(database);
}

Status SqliteTransaction::commit() {
  Status committed = database_->execute("COMMIT", "write");
  if (committed) database_ = nullptr;
  return committed;
}

SqliteTransaction::~SqliteTransaction() {
  // SQLite itself has rolled back already after some errors, a full disk among them. If ROLLBACK
  // fails there is nothing left to try: the file is as it was either way.
  if (database_ != nullptr && database_->in_transaction())
    static_cast<void>(database_->execute("ROLLBACK", "roll back"));
}

}  // namespace plugin
