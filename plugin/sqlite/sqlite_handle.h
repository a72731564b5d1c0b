// Owning types for SQLite's handles, and errors that name the file.
// Owner: whoever holds them. Threads: one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/result.h"

namespace plugin {

/// How long a call waits for another process that holds the file.
inline constexpr int sqlite_busy_ms_max = 2000;

/// A prepared statement. Values are bound by position from 1, columns read from 0. Text is copied
/// neither way: what is bound must live until reset, what is read until the next step.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  void bind(int position, std::uint64_t amount);
  void bind(int position, std::int64_t number);
  void bind(int position, std::string_view text);
  /// SQLITE_ROW, SQLITE_DONE or an error code.
  [[nodiscard]] int step() { return sqlite3_step(statement_.get()); }
  /// Ready to be bound and stepped anew; ends the read transaction of a query.
  void reset();

  [[nodiscard]] std::uint64_t amount(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// Resets a statement when the scope ends, however it ends.
class StatementUse {
 public:
  explicit StatementUse(SqliteStatement& statement) : statement_(statement) {}
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;
  ~StatementUse() { statement_.reset(); }
  SqliteStatement* operator->() { return &statement_; }

 private:
  SqliteStatement& statement_;
};

/// An open database file.
class SqliteDatabase {
 public:
  /// Opens, creates if need be (mode 0600, as the files that SQLite puts beside it). Errors name the path and
  /// `what` it is. A file that can only be read is an error.
  [[nodiscard]] static broker::Result<SqliteDatabase> open(const std::string& path,
                                                           std::string_view what = "ledger");

  /// A file that is there, only to be read: nothing can be changed through it.
  [[nodiscard]] static broker::Result<SqliteDatabase> open_to_read(
      const std::string& path, std::string_view what = "ledger");

  /// Takes what rights group and others have on the file and those beside it, where the system lets it:
  /// an older version left them some.
  void keep_to_owner() const;

  /// Runs statements that yield no rows of interest.
  [[nodiscard]] broker::Status execute(const char* sql, std::string_view doing);
  [[nodiscard]] broker::Result<SqliteStatement> prepare(std::string_view sql);
  /// The first column of the first row.
  [[nodiscard]] broker::Result<std::int64_t> query_number(std::string_view sql,
                                                          std::string_view doing);
  [[nodiscard]] broker::Result<std::string> query_text(std::string_view sql,
                                                       std::string_view doing);

  /// "PATH: cannot DOING: SQLite's words (extended code)" about the call that failed just now.
  [[nodiscard]] broker::Error error(std::string_view doing) const;
  [[nodiscard]] broker::Error error(std::string_view doing, std::string_view reason) const;
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  [[nodiscard]] static broker::Result<SqliteDatabase> open_as(const std::string& path,
                                                              std::string_view what, int flags);
  SqliteDatabase(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  std::unique_ptr<sqlite3, Closer> handle_;
};

/// A write transaction: rolled back unless it was committed.
class SqliteTransaction {
 public:
  [[nodiscard]] static broker::Result<SqliteTransaction> begin(SqliteDatabase& database);
  SqliteTransaction(SqliteTransaction&& other) noexcept
      : database_(std::exchange(other.database_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  /// Durable when it returns.
  [[nodiscard]] broker::Status commit();

 private:
  explicit SqliteTransaction(SqliteDatabase& database) : database_(&database) {}
  SqliteDatabase* database_;
};

}  // namespace plugin
