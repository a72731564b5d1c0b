// Tables in SQLite, the ledger's above all, and which versions of them this program knows.
// Owner: none. Threads: that of the database.
#pragma once

#include <cstdint>
#include <string_view>

#include "sqlite/sqlite_handle.h"

namespace plugin {

/// "TBL1": marks the file as a turnbroker ledger (PRAGMA application_id; `file` shows it).
inline constexpr std::int64_t ledger_application_id = 0x54424C31;
/// PRAGMA user_version of the tables below.
inline constexpr std::int64_t ledger_schema_version = 1;

/// What a file holds, and what marks it.
struct SqliteSchema {
  std::string_view what;            ///< "ledger", for errors
  std::int64_t application_id = 0;  ///< PRAGMA application_id; `file` shows it
  std::int64_t version = 0;         ///< PRAGMA user_version
  const char* create_tables = nullptr;
  const char* create_indexes = "";  ///< IF NOT EXISTS: a file of the same version may lack some
};

/// Makes the file ready for use: refuses one that is damaged, another program's, or written by a
/// newer version; takes others' rights on it; switches on write-ahead logging with a sync at every
/// commit; creates the tables in an empty file; migrates older ones.
[[nodiscard]] broker::Status prepare_schema(SqliteDatabase& database, const SqliteSchema& schema);

/// The ledger's.
[[nodiscard]] const SqliteSchema& ledger_schema();

}  // namespace plugin
