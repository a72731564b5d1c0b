// The ledger's tables in SQLite, and which versions of them this program knows.
// Owner: none. Threads: that of the database.
#pragma once

#include <cstdint>

#include "sqlite/sqlite_handle.h"

namespace plugin {

/// "TBL1": marks the file as a turnbroker ledger (PRAGMA application_id; `file` shows it).
inline constexpr std::int64_t ledger_application_id = 0x54424C31;
/// PRAGMA user_version of the tables below.
inline constexpr std::int64_t ledger_schema_version = 1;

/// Makes the file ready for use: refuses one that is damaged, another program's, or written by a
/// newer version; switches on write-ahead logging with a sync at every commit; creates the tables
/// in an empty file; migrates older ones.
[[nodiscard]] broker::Status prepare_schema(SqliteDatabase& database);

}  // namespace plugin
