// Moves octets between the ledger, the accounts' pools and the allocations' meters.
// Owner: the broker. Threads: the broker thread; relay threads go on spending meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/account_book.h"
#include "broker/ports/ledger_store.h"
#include "clock.h"
#include "host.h"
#include "meter/meter_table.h"

namespace plugin {

class Settler {
 public:
  Settler(const Host& host, const Clock& clock, MeterTable& table, AccountBook& book,
          broker::LedgerStore& store, broker::Incarnation incarnation);

  /// Reports the accounts and asks for credit where `ask` says so. False when the store failed;
  /// then nothing is lost and the next call makes up for it.
  enum class Ask { nothing, when_low, at_least };
  bool exchange(const std::vector<Account*>& accounts, Ask ask);

  /// An account could not cover a packet: ask the ledger, take back what allocations hold, and if
  /// that is not enough either, the account is exhausted. True when it has just become exhausted.
  bool resolve_dry(Account& account);

  /// A new limit. Lowering takes all unspent credit back first, so that not one octet goes beyond
  /// it. True when the account has just become exhausted.
  bool change_limit(Account& account, std::uint64_t limit_octets);

  /// Takes back all credit the allocations of an account hold.
  void take_back(const Account& account);
  /// Takes back the credit of allocations that have relayed nothing since the last call.
  void take_back_idle();
  /// Returns an unused account's grant to the ledger.
  void release(Account& account);

  /// Measures rates and reports every account that has changed since it last reported.
  void report_changes();
  /// The incarnation is over: the last totals of all accounts.
  [[nodiscard]] broker::Status end();

  struct Totals {
    broker::UsedTotals used;
    std::uint64_t charged_octets = 0;
  };
  /// By account slot: folded and live use together.
  [[nodiscard]] static std::vector<Totals> totals_of(const MeterTable& table);
  void collect() { totals_ = totals_of(table_); }
  [[nodiscard]] const std::vector<Totals>& totals() const { return totals_; }

  [[nodiscard]] const std::string& store_error() const { return store_error_; }

 private:
  [[nodiscard]] broker::UsageReport report_of(const Account& account) const;
  void take_answer(Account& account, const broker::UsageReport& report, const broker::Grant& grant);
  void exhaust(Account& account);
  void note_store(const broker::Error* error);

  const Host& host_;
  const Clock& clock_;
  MeterTable& table_;
  AccountBook& book_;
  broker::LedgerStore& store_;
  broker::Incarnation incarnation_;
  broker::GrantSize grant_size_;
  std::vector<Totals> totals_;
  std::vector<std::uint64_t> swept_octets_;  ///< by allocation slot: its use at the last sweep
  std::string store_error_;
};

}  // namespace plugin
