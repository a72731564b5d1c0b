#include "sqlite/sqlite_schema.h"

#include <string>

namespace plugin {

using broker::Nothing;
using broker::Result;
using broker::Status;

namespace {

// accounts: sums over all shares, those of ended incarnations included, kept up to date with every
//   report, so that no report costs more for an account with many shares.
// incarnations: every life of a relay process that ever reported; ended ones have no shares any
// more. shares: what one open incarnation has of one account. An account's sums less its shares are
// the
//   settled base.
// Columns that SQLite would number anyway are named `number`; amounts are 0 .. 2^63-1.
constexpr const char* create_tables = R"sql(
CREATE TABLE accounts (
  number INTEGER PRIMARY KEY,
  csp TEXT NOT NULL,
  media INTEGER NOT NULL,
  period_start_s INTEGER NOT NULL,
  client TEXT NOT NULL,
  client_to_peer_octets INTEGER NOT NULL,
  peer_to_client_octets INTEGER NOT NULL,
  client_to_peer_packets INTEGER NOT NULL,
  peer_to_client_packets INTEGER NOT NULL,
  charged_octets INTEGER NOT NULL,
  granted_octets INTEGER NOT NULL,
  UNIQUE (csp, media, period_start_s, client)
) STRICT;
CREATE TABLE incarnations (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  relay_id TEXT NOT NULL,
  id INTEGER NOT NULL,
  ended INTEGER,  -- counts up; NULL while open
  UNIQUE (relay_id, id)
) STRICT;
CREATE INDEX incarnations_by_end ON incarnations (relay_id, ended);
CREATE TABLE shares (
  incarnation INTEGER NOT NULL REFERENCES incarnations (number),
  account INTEGER NOT NULL REFERENCES accounts (number),
  client_to_peer_octets INTEGER NOT NULL,
  peer_to_client_octets INTEGER NOT NULL,
  client_to_peer_packets INTEGER NOT NULL,
  peer_to_client_packets INTEGER NOT NULL,
  charged_octets INTEGER NOT NULL,
  granted_octets INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  PRIMARY KEY (incarnation, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE revocations (
  what TEXT PRIMARY KEY NOT NULL,
  revoked_at_s INTEGER NOT NULL,
  forget_after_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// For the clients of ended periods, who are forgotten, and their shares.
constexpr const char* create_indexes = R"sql(
CREATE INDEX IF NOT EXISTS clients_by_period ON accounts (period_start_s)
  WHERE client <> '' AND period_start_s > 0;
CREATE INDEX IF NOT EXISTS shares_by_account ON shares (account);
)sql";

std::string opening(const SqliteSchema& schema) { return "open the " + std::string(schema.what); }

/// Whether the file holds nothing yet; else it must be of this schema.
Result<bool> is_new(SqliteDatabase& database, const SqliteSchema& schema) {
  const std::string doing = opening(schema);
  const Result<std::int64_t> application = database.query_number("PRAGMA application_id", doing);
  if (!application) return application.error();
  const Result<std::int64_t> objects =
      database.query_number("SELECT count(*) FROM sqlite_schema", doing);
  if (!objects) return objects.error();
  if (application.value() == schema.application_id) return objects.value() == 0;
  if (application.value() == 0 && objects.value() == 0) return true;
  return database.error(
      doing, "it is a database of another program, not a turnbroker " + std::string(schema.what));
}

Status check_not_damaged(SqliteDatabase& database, const std::string& doing) {
  const Result<std::string> check = database.query_text("PRAGMA quick_check(1)", doing);
  if (!check) return check.error();
  if (check.value() != "ok") return database.error(doing, "it is damaged: " + check.value());
  return Nothing{};
}

Status set_journal(SqliteDatabase& database, const std::string& doing) {
  const Result<std::string> mode = database.query_text("PRAGMA journal_mode = WAL", doing);
  if (!mode) return mode.error();
  if (mode.value() != "wal")
    return database.error(
        doing, "write-ahead logging is not possible there (journal mode " + mode.value() + ")");
  return database.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;", doing);
}

Status create_or_migrate(SqliteDatabase& database, const SqliteSchema& schema) {
  const std::string doing = opening(schema);
  // Another process may be creating them too: look again under the write lock.
  Result<SqliteTransaction> transaction = SqliteTransaction::begin(database);
  if (!transaction) return transaction.error();
  const Result<bool> empty = is_new(database, schema);
  if (!empty) return empty.error();
  if (empty.value()) {
    const std::string creating = "create the " + std::string(schema.what);
    const std::string mark = "PRAGMA application_id = " + std::to_string(schema.application_id) +
                             "; PRAGMA user_version = " + std::to_string(schema.version) + ";";
    if (Status made = database.execute(schema.create_tables, creating); !made) return made;
    if (Status made = database.execute(schema.create_indexes, creating); !made) return made;
    if (Status marked = database.execute(mark.c_str(), creating); !marked) return marked;
    return transaction.value().commit();
  }
  const Result<std::int64_t> version = database.query_number("PRAGMA user_version", doing);
  if (!version) return version.error();
  if (version.value() > schema.version)
    return database.error(doing, "it has schema version " + std::to_string(version.value()) +
                                     ", written by a newer turnbroker; this one knows up to " +
                                     std::to_string(schema.version));
  // Version 1 is the first of each: there is no older one to migrate from.
  if (version.value() < schema.version)
    return database.error(doing, "schema version " + std::to_string(version.value()) +
                                     " was never one of a turnbroker " + std::string(schema.what));
  if (Status made = database.execute(schema.create_indexes, doing); !made) return made;
  return transaction.value().commit();
}

}  // namespace

const SqliteSchema& ledger_schema() {
  static constexpr SqliteSchema schema{"ledger", ledger_application_id, ledger_schema_version,
                                       create_tables, create_indexes};
  return schema;
}

Status prepare_schema(SqliteDatabase& database, const SqliteSchema& schema) {
  // Nothing is written to a file before it is known to be ours.
  const std::string doing = opening(schema);
  if (const Result<bool> empty = is_new(database, schema); !empty) return empty.error();
  database.keep_to_owner();
  if (Status sound = check_not_damaged(database, doing); !sound) return sound;
  if (Status journal = set_journal(database, doing); !journal) return journal;
  return create_or_migrate(database, schema);
}

}  // namespace plugin
