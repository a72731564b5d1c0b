#include "broker/settler.h"

#include <algorithm>
#include <utility>

namespace plugin {

namespace {

/// How often to ask a ledger that learns what it may have forgotten.
constexpr std::int64_t learning_ask_ms = 300;
/// A grant lasts beyond the next round of reports, which then makes it up: no question of its own is needed.
constexpr double rounds_in_grant = 1.5;
/// A relay begins with half of this part of an account's limit; what is too much goes back.
constexpr std::uint64_t first_grant_part = 500;
/// An exhausted account of a fleet opens again for no less, lest the last crumbs that relays give
/// back let clients in only to cut them.
constexpr std::uint64_t reopen_min_octets = 65'536;

bool may_reopen(Stage stage) { return stage == Stage::last || stage == Stage::exhausted; }

}  // namespace

Settler::Settler(const Host& host, const Clock& clock, MeterTable& table, AccountBook& book,
                 broker::LedgerLink& link, broker::Incarnation incarnation)
    : host_(host),
      clock_(clock),
      table_(table),
      book_(book),
      link_(link),
      incarnation_(std::move(incarnation)) {}

std::uint64_t Settler::wanted_beyond(const Account& account, std::uint64_t held_octets) const {
  const double interval_s = static_cast<double>(link_.report_interval_ms()) / 1000.0;
  broker::GrantSize size;
  size.refill_s = std::max(size.refill_s, rounds_in_grant * interval_s);
  if (!link_.is_shared()) return broker::wanted_octets(size, held_octets, account.octets_per_s);
  // Before the first answer nobody knows what remains.
  const bool known = account.ready.load() || account.remaining_octets != 0;
  const std::uint64_t remaining =
      known ? account.remaining_octets : account.limit_octets.load() / first_grant_part;
  return broker::wanted_share_octets(size, held_octets, account.octets_per_s, remaining,
                                     account.holders);
}

std::uint64_t Settler::wanted_of(const Account& account, Ask ask) const {
  const Stage stage = account.stage.load();
  if (ask == Ask::nothing || stage == Stage::halted) return 0;
  const bool at_least = ask == Ask::at_least;
  const double interval_s = static_cast<double>(link_.report_interval_ms()) / 1000.0;
  const auto soon_spent =
      ask == Ask::ahead ? static_cast<std::uint64_t>(account.octets_per_s * interval_s) : 0;
  if (!at_least) {
    if (!account.ready.load()) return 0;
    if (account.pool.load() >= account.low_water.load() + static_cast<std::int64_t>(soon_spent) &&
        !may_reopen(stage))
      return 0;
    if (link_.is_shared() && stage == Stage::exhausted &&
        account.remaining_octets < reopen_min_octets)
      return 0;
  }
  const std::uint64_t held = at_least ? 0 : broker::saturating_sub(unspent_of(account), soon_spent);
  std::uint64_t wanted = wanted_beyond(account, held);
  if (ask == Ask::ahead) wanted = broker::saturating_sub(wanted, held);
  return wanted == 0 ? 0 : std::max(wanted, account.refused_octets.load());
}

broker::UsageReport Settler::report_of(Account& account, Ask ask) const {
  const Totals& totals = totals_[account.slot];
  broker::UsageReport report;
  report.account = account.key;
  report.limit_octets = account.limit_octets.load();
  report.used = totals.used;
  report.charged_octets = totals.charged_octets;
  // While the account gave credit back a packet may have been in flight: never report less than
  // used.
  account.granted_octets = std::max(account.granted_octets, totals.charged_octets);
  report.granted_octets = account.granted_octets;
  report.wanted_octets = wanted_of(account, ask);
  report.sequence = ++table_.header().report_sequence;
  return report;
}

void Settler::exchange(const std::vector<Account*>& accounts, Ask ask) {
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<Account*> asked;
  for (Account* account : accounts)
    if (!account->asking && now_ms >= account->ask_at_ms) asked.push_back(account);
  if (asked.empty()) return;
  for (Account* account : asked) {
    account->refill_asked.store(false);
    book_.note_active(*account);
  }
  collect_of(asked);
  Reports reports;
  reports.reserve(asked.size());
  for (Account* account : asked) {
    account->dry_asked = account->refused_octets.load() != 0;
    reports.push_back(report_of(*account, ask));
    account->asking = true;
    account->must_report = account->tell_in_round = false;
  }
  const bool called_before = std::exchange(calling_, true);
  link_.exchange(
      incarnation_, reports,
      [self = std::weak_ptr(self_), asked, reports, begun = meter_->begin()](const auto& grants) {
        const auto settler = self.lock();
        if (settler == nullptr) return;
        (*settler)->meter_->end(begun, grants.ok());
        (*settler)->take_answers(asked, reports, grants);
      });
  calling_ = called_before;
}

void Settler::take_answers(const std::vector<Account*>& accounts, const Reports& reports,
                           const broker::Result<std::vector<broker::Grant>>& grants) {
  for (Account* account : accounts) account->asking = false;
  // To what was told before the end and came after it.
  if (ending_) return;
  note_store(grants ? nullptr : &grants.error());
  over_ = over_ || (!grants && broker::says_ended(grants.error()));
  std::vector<Account*> outdated;
  learning_ = false;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    Account& account = *accounts[i];
    if (!grants) {
      account.must_report = true;
      continue;
    }
    take_answer(account, reports[i], grants.value()[i]);
    if (reports[i].limit_octets != account.limit_octets.load()) outdated.push_back(&account);
  }
  exchange(outdated, Ask::at_least);
  if (!calling_) look_again_();
}

void Settler::take_answer(Account& account, const broker::UsageReport& report,
                          const broker::Grant& grant) {
  account.remaining_octets = grant.remaining_octets;
  account.others = grant.used_by_others;
  account.others_charged_octets = grant.used_by_others_octets;
  account.unspent_by_others_octets = grant.unspent_by_others_octets;
  account.holders = grant.holders;
  account.reported_octets = report.used.all_octets();
  account.learning = grant.learning;
  // Not by an answer to what was sent before.
  if (!account.must_report && std::exchange(account.retell_by_ms, 0) != 0 && !halted_ &&
      account.stage.load() == Stage::halted)
    account.stage.store(Stage::open, std::memory_order_release);
  if (grant.learning) {
    learning_ = true;
    account.ask_at_ms = clock_.steady_ms() + learning_ask_ms;
  }
  // Granted under another limit: not taken, and given back by the next report.
  if (report.limit_octets != account.limit_octets.load()) {
    account.must_report = true;
    return;
  }
  give_up_beyond(account, grant.granted_octets);
  if (grant.learning) return;
  const std::uint64_t added = broker::saturating_sub(grant.granted_octets, report.granted_octets);
  account.granted_octets += added;
  account.was_granted = account.was_granted || added != 0;
  put_back(account, static_cast<std::int64_t>(added));
  // The next grant is asked for while this one is still being spent: when half is left, or half of what
  // there should be.
  const std::uint64_t enough = std::min(unspent_of(account), wanted_beyond(account, 0));
  account.low_water.store(grant.remaining_octets == 0 ? 0 : static_cast<std::int64_t>(enough / 2));
  if (report.wanted_octets != 0) account.ready.store(true, std::memory_order_release);
  if (account.dry_asked) account.dry_answered = true;
  reopen(account, report, grant, added);
  if (std::exchange(account.lowered, false) && unspent_of(account) == 0) exhaust(account);
}

void Settler::reopen(Account& account, const broker::UsageReport& report,
                     const broker::Grant& grant, std::uint64_t added) {
  const Stage stage = account.stage.load();
  // Without allocations nothing was asked for yet: the next one will be given of what is left.
  std::uint64_t there = added != 0 || account.ready.load() ? added : grant.remaining_octets;
  if (link_.is_shared() && stage == Stage::exhausted &&
      unspent_of(account) + grant.remaining_octets < reopen_min_octets)
    there = 0;
  if (there != 0 && may_reopen(stage)) {
    account.stage.store(Stage::open, std::memory_order_release);
    if (stage == Stage::exhausted)
      host_.info("{}/{} has quota again: {} octets", account.key.csp,
                 broker::to_string(account.key.media), there);
  }
  const bool nothing = grant.remaining_octets == 0 && unspent_of(account) == 0 &&
                       grant.granted_octets == report.charged_octets &&
                       !others_may_give_back(account, 1);
  if (nothing && account.stage.load() == Stage::open && account.live.load() == 0)
    account.stage.store(Stage::exhausted, std::memory_order_release);
}

void Settler::note_store(const broker::Error* error) {
  const std::string text = error == nullptr ? "" : error->message;
  if (text == store_error_) return;
  if (text.empty())
    host_.info("the ledger answers again");
  else if (broker::says_ended(*error))
    host_.error(
        "the ledger: {}: another process of this relay's id did not find its meter table. Relaying "
        "ends",
        text);
  else
    host_.error("the ledger does not answer: {}; relaying goes on from what is granted", text);
  store_error_ = text;
}

}  // namespace plugin
