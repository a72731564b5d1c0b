// Accounts and shares as rows: finding, storing and folding them. No rule of the ledger is here.
// Owner: SqliteLedger, inside its transactions. Threads: one thread at a time.
#pragma once

#include <cstdint>

#include "broker/ledger.h"
#include "sqlite/sqlite_handle.h"

namespace plugin {

/// An account's row; number 0 when there is none yet.
struct AccountRow {
  std::int64_t number = 0;
  broker::Share sums;  ///< over all shares; its sequence is not used
};

/// A share's row.
struct ShareRow {
  bool stored = false;
  broker::Share share;
};

/// The statements for them, prepared once.
class SqliteRows {
 public:
  [[nodiscard]] static broker::Result<SqliteRows> prepare(SqliteDatabase& database);

  [[nodiscard]] broker::Result<AccountRow> find_account(const SqliteDatabase& database,
                                                        const broker::AccountKey& key);
  [[nodiscard]] broker::Result<ShareRow> find_share(const SqliteDatabase& database,
                                                    std::int64_t incarnation, std::int64_t account);
  /// Inserts or updates both, so that the account's sums hold `share` instead of `old`.
  [[nodiscard]] broker::Status store(const SqliteDatabase& database, const broker::AccountKey& key,
                                     const AccountRow& account, std::int64_t incarnation,
                                     const ShareRow& old, const broker::Share& share);
  /// Lowers the accounts' grants to what the incarnation's shares were charged, and drops the
  /// shares: what they used stays in the accounts' sums.
  [[nodiscard]] broker::Status fold_shares(const SqliteDatabase& database,
                                           std::int64_t incarnation);
  /// Charges all that the incarnation's shares were granted.
  [[nodiscard]] broker::Status charge_grants(const SqliteDatabase& database,
                                             std::int64_t incarnation);

  /// Drops clients whose period ended long before this one began, a few at a time: they would add up.
  [[nodiscard]] broker::Status forget_clients(const SqliteDatabase& database,
                                              std::int64_t period_start_s);

 private:
  [[nodiscard]] static broker::Status run_for(const SqliteDatabase& database,
                                              std::int64_t incarnation,
                                              std::initializer_list<SqliteStatement*> statements);

  [[nodiscard]] broker::Result<std::int64_t> store_account(const SqliteDatabase& database,
                                                           const broker::AccountKey& key,
                                                           std::int64_t number,
                                                           const broker::Share& sums);

  SqliteStatement find_account_, insert_account_, update_account_;
  SqliteStatement forget_shares_, forget_clients_;
  SqliteStatement find_share_, store_share_, charge_grants_, charge_shares_, fold_grants_,
      drop_shares_;
};

/// The sums without one share. An error when the sums do not hold it: then the file is damaged.
[[nodiscard]] broker::Result<broker::OthersTotals> others_of(const SqliteDatabase& database,
                                                             const AccountRow& account,
                                                             const broker::Share& share);

/// Six columns from `first` on, in the order of the tables: octets, packets, charged, granted.
[[nodiscard]] broker::Share totals_in(const SqliteStatement& row, int first);

}  // namespace plugin
