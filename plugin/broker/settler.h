// Moves octets between the ledger, the accounts' pools and the allocations' meters.
// Owner: the broker. Threads: the broker thread; relay threads go on spending meanwhile.
//
// The ledger answers when it can (broker/ports/ledger_link.h). An account has one report on its way
// at most; what else is wanted of it waits for the answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/account_book.h"
#include "broker/ports/ledger_link.h"
#include "clock.h"
#include "host.h"
#include "meter/meter_table.h"
#include "metrics/exchange_meter.h"

namespace plugin {

class Settler {
 public:
  /// All borrowed.
  Settler(const Host& host, const Clock& clock, MeterTable& table, AccountBook& book,
          broker::LedgerLink& link, broker::Incarnation incarnation);

  /// Called after an answer that did not come at once: whoever waits for one looks again.
  void on_answer(std::function<void()> look) { look_again_ = std::move(look); }

  /// Tells it of every exchange. Borrowed.
  void measure(ExchangeMeter& meter) { meter_ = &meter; }

  /// Reports the accounts and asks for credit where `ask` says so; those that have a report on its
  /// way are passed over. What a failing store does not take is made up for by the next report.
  /// ahead: also when it would be low before the next round of reports.
  enum class Ask { nothing, when_low, ahead, at_least };
  void exchange(const std::vector<Account*>& accounts, Ask ask);

  /// An account could not cover a packet: ask the ledger, take back what allocations hold, wait for
  /// what other relays give back, and if that is not enough either, the account is exhausted. To be
  /// called again until refused_octets is 0.
  void resolve_dry(Account& account);

  /// Asks for the accounts that relay threads found low, and resolves those that are dry. Whether there were
  /// any: if not, nobody has to look again before one wakes the broker.
  [[nodiscard]] bool serve_waiting();

  /// A new limit. Lowering takes all unspent credit back first, so that not one octet goes beyond
  /// it.
  void change_limit(Account& account, std::uint64_t limit_octets);

  /// The same for one whose period was over when the limit changed, and which the wall clock was set back into.
  void correct_limit(Account& ended, std::uint64_t limit_octets);

  /// Whether accounts have become exhausted since it was asked last: their allocations are to be cut.
  [[nodiscard]] bool take_exhausted() { return std::exchange(exhausted_, false); }

  /// Takes back all credit the allocations of an account hold.
  void take_back(const Account& account);
  /// Takes back the credit of allocations that have relayed nothing since the last call.
  void take_back_idle();
  /// Returns an unused account's grant to the ledger; with the next round of reports where nobody
  /// will miss it before.
  void release(Account& account);
  /// Another relay lacks octets of this account: returns what is not needed in the next second.
  void give_back(Account& account);
  /// The ledger knows all of an account, and the account holds nothing. As of its last collection.
  [[nodiscard]] bool is_settled(const Account& account) const;

  /// The ledger may have forgotten what it was told: tell it all again.
  void report_all();
  /// To be called every second: measures rates and, in rounds of the link's report interval, reports
  /// every account that has changed since it last reported; at once those that cannot wait.
  void report_changes();
  /// Halts all accounts when their grants have ended for want of the ledger, and lets them go on when
  /// it answers again. `extra_octets`: what an account may relay beyond its grant instead, once.
  /// True when accounts were halted just now.
  bool check_validity(const std::optional<std::uint64_t>& extra_octets);
  /// The incarnation is over: the last totals of all accounts, which keep nothing, and of those that
  /// were erased. What the ledger answers from now on changes nothing.
  [[nodiscard]] std::vector<broker::UsageReport> last_reports();
  [[nodiscard]] const broker::Incarnation& incarnation() const { return incarnation_; }

  struct Totals {
    broker::UsedTotals used;
    std::uint64_t charged_octets = 0;
  };
  /// By account slot: folded and live use together.
  [[nodiscard]] static std::vector<Totals> totals_of(const MeterTable& table);
  void collect();
  /// For who does not need the last octet.
  void collect_if_older(std::int64_t ms);
  /// Of these accounts alone.
  void collect_of(const std::vector<Account*>& wanted);
  [[nodiscard]] const std::vector<Totals>& totals() const { return totals_; }

  [[nodiscard]] const std::string& store_error() const { return store_error_; }
  [[nodiscard]] bool is_learning() const { return learning_; }
  /// The ledger has ended this incarnation, as another process of the relay's id found nothing of it: it takes no
  /// report any more. All accounts are halted for good.
  [[nodiscard]] bool is_over() const { return over_; }
  /// What was relayed and has not been reported. As of the last collect().
  [[nodiscard]] std::uint64_t untold_octets() const;

 private:
  using Reports = std::vector<broker::UsageReport>;

  [[nodiscard]] broker::UsageReport report_of(Account& account, Ask ask) const;
  [[nodiscard]] std::uint64_t wanted_beyond(const Account& account,
                                            std::uint64_t held_octets) const;
  [[nodiscard]] std::uint64_t wanted_of(const Account& account, Ask ask) const;
  void take_answers(const std::vector<Account*>& accounts, const Reports& reports,
                    const broker::Result<std::vector<broker::Grant>>& grants);
  void take_answer(Account& account, const broker::UsageReport& report, const broker::Grant& grant);
  void reopen(Account& account, const broker::UsageReport& report, const broker::Grant& grant,
              std::uint64_t added);
  [[nodiscard]] bool others_may_give_back(const Account& account, std::uint64_t needed) const;
  [[nodiscard]] bool wait_for_others(Account& account, std::uint64_t needed);
  /// What the account then no longer holds.
  std::uint64_t give_up_unspent(Account& account, std::uint64_t keep_octets);
  [[nodiscard]] Reports reports_of_left();
  void report_left();
  void left_reported(ExchangeMeter::Time begun, bool taken);
  void must_report(Account& account);
  /// No grant of it may be spent any more, until the ledger has answered.
  void halt(Account& account);
  [[nodiscard]] bool halt_untold();
  [[nodiscard]] std::int64_t round_ms();
  void give_up_beyond(Account& account, std::uint64_t granted_octets);
  void exhaust(Account& account);
  void note_store(const broker::Error* error);

  const Host& host_;
  const Clock& clock_;
  MeterTable& table_;
  AccountBook& book_;
  broker::LedgerLink& link_;
  broker::Incarnation incarnation_;
  std::function<void()> look_again_ = [] {};
  ExchangeMeter unmeasured_;
  ExchangeMeter* meter_ = &unmeasured_;
  std::vector<Totals> totals_;
  std::vector<std::uint8_t> wanted_;         ///< by account slot: collect_of() is at it
  std::int64_t collected_ms_ = 0;            ///< steady
  std::vector<std::uint64_t> swept_octets_;  ///< by allocation slot: its use at the last sweep
  std::uint64_t rounds_ = 0;
  std::int64_t next_round_ms_ = 0;  ///< steady
  std::string store_error_;
  bool exhausted_ = false;
  bool learning_ = false;
  bool halted_ = false;
  bool over_ = false;
  bool ending_ = false;
  bool must_report_left_ =
      false;  ///< accounts that were erased: the ledger may have forgotten them
  bool reporting_left_ = false;
  Reports left_to_report_;  ///< of them, in this round
  bool calling_ = false;    ///< answers that come now come at once
  /// Answers may come when this is gone.
  std::shared_ptr<Settler*> self_ = std::make_shared<Settler*>(this);
};

}  // namespace plugin
