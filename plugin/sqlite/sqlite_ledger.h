// The ledger of one machine: a SQLite file.
// Owner: the broker thread. Threads: one thread at a time; calls block for the disk, and up to
// sqlite_busy_ms_max for another process that writes to the same file.
//
// Every exchange is one transaction, synced before it returns (write-ahead log, synchronous =
// FULL): what was answered survives `kill -9`, and a power loss too as far as the disk keeps what
// it acknowledged.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/ports/ledger_store.h"
#include "broker/result.h"
#include "sqlite/sqlite_handle.h"
#include "sqlite/sqlite_rows.h"

namespace plugin {

class SqliteLedger final : public broker::LedgerStore {
 public:
  /// Opens the file, or creates it; its directory must exist and be writable. The error names the
  /// path and says what is wrong: not a database, another program's, damaged, only readable,
  /// locked, written by a newer version.
  [[nodiscard]] static broker::Result<std::unique_ptr<SqliteLedger>> open(const std::string& path);

  [[nodiscard]] broker::Result<std::vector<broker::Grant>> exchange(
      const broker::Incarnation& incarnation,
      const std::vector<broker::UsageReport>& reports) override;
  [[nodiscard]] broker::Status end(const broker::Incarnation& incarnation,
                                   const std::vector<broker::UsageReport>& last_reports) override;
  [[nodiscard]] broker::Status write_off(const broker::Incarnation& incarnation) override;
  [[nodiscard]] broker::Result<std::vector<broker::Incarnation>> open_incarnations(
      const std::string& relay_id) override;
  [[nodiscard]] broker::Result<std::vector<broker::AccountUsage>> usage(
      broker::UnixSeconds since_s) override;
  [[nodiscard]] broker::Status revoke(const std::string& what, broker::UnixSeconds revoked_at_s,
                                      broker::UnixSeconds forget_after_s) override;
  [[nodiscard]] broker::Result<std::vector<Revocation>> revocations(
      broker::UnixSeconds now_s) override;

 private:
  struct IncarnationRow {
    std::int64_t number = 0;
    bool ended = false;
  };

  explicit SqliteLedger(SqliteDatabase database) : database_(std::move(database)) {}
  [[nodiscard]] broker::Status prepare_statements();
  /// Inserts it when it is not known yet.
  [[nodiscard]] broker::Result<IncarnationRow> find_incarnation(
      const broker::Incarnation& incarnation);
  [[nodiscard]] broker::Result<broker::Grant> settle(std::int64_t incarnation,
                                                     const broker::UsageReport& report);
  [[nodiscard]] broker::Status settle_last(std::int64_t incarnation,
                                           const broker::UsageReport& report);
  [[nodiscard]] broker::Status mark_ended(const broker::Incarnation& incarnation,
                                          std::int64_t number);
  /// Of the incarnation with this number, before its shares are folded.
  using Settle = std::function<broker::Status(std::int64_t number)>;
  /// Ends an incarnation that has not ended yet, all or nothing.
  [[nodiscard]] broker::Status end_after(const broker::Incarnation& incarnation,
                                         const Settle& settle);

  /// Drops clients of periods long before those that are reported. Of a clock that is ahead no client is dropped: a
  /// period counts when the next has begun, or was in the file when it was opened.
  [[nodiscard]] broker::Status forget_clients(const std::vector<broker::UsageReport>& reports);

  SqliteDatabase database_;  // declared first: the statements go before it
  SqliteRows rows_;
  SqliteStatement find_incarnation_, insert_incarnation_, end_incarnation_, forget_ended_;
  SqliteStatement open_incarnations_, usage_;
  SqliteStatement drop_revocations_, count_revocations_, revoke_, revocations_;
  broker::UnixSeconds newest_period_s_ = 0;
  broker::UnixSeconds period_before_s_ = 0;
};

}  // namespace plugin
