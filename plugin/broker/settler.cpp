#include "broker/settler.h"

#include <algorithm>
#include <utility>

#include "meter/meter_access.h"

namespace plugin {

namespace {

std::uint64_t octets_of(const broker::UsedTotals& used) { return used.octets[0] + used.octets[1]; }

std::uint64_t unspent(const Account& account) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(account.pool.load(), 0));
}

bool may_reopen(Stage stage) { return stage == Stage::last || stage == Stage::exhausted; }

/// How long to wait for what other relays give back, and how often to ask whether they did.
constexpr std::int64_t recall_wait_ms = 600;
constexpr std::int64_t ask_again_ms = 100;
constexpr std::int64_t exhausted_quiet_ms = 1'000;
/// How often to ask a ledger that learns what it may have forgotten.
constexpr std::int64_t learning_ask_ms = 300;
/// A grant lasts beyond the next round of reports, which then makes it up: no question of its own is needed.
constexpr double rounds_in_grant = 1.5;
/// A relay begins with half of this part of an account's limit; what is too much goes back.
constexpr std::uint64_t first_grant_part = 500;
/// What is less than this part of what remains is not missed by others for a while.
constexpr std::uint64_t small_part = 8;
/// An exhausted account of a fleet opens again for no less, lest the last crumbs that relays give
/// back let clients in only to cut them.
constexpr std::uint64_t reopen_min_octets = 65'536;

}  // namespace

Settler::Settler(const Host& host, const Clock& clock, MeterTable& table, AccountBook& book,
                 broker::LedgerLink& link, broker::Incarnation incarnation)
    : host_(host),
      clock_(clock),
      table_(table),
      book_(book),
      link_(link),
      incarnation_(std::move(incarnation)) {}

namespace {

Settler::Totals closed_totals(const AccountSlot& slot) {
  const SlotTotals& closed = slot.closed;
  return {{{closed.octets[0], closed.octets[1]}, {closed.packets[0], closed.packets[1]}},
          closed.charged_octets};
}

/// Adds what live allocations, and those that wait to be folded, have used; `begin` is called with each
/// account before.
template <typename Begin>
void add_allocations(const MeterTable& table, std::vector<Settler::Totals>& totals, Begin&& begin) {
  for (const AllocationSlot& slot : table.allocations()) {
    if (slot.state.load(std::memory_order_acquire) == SlotState::free) continue;
    const auto used = used_of(slot);
    std::uint64_t charged = 0;
    for (std::size_t d = 0; d < 2; ++d)
      if ((slot.meter.charged_directions >> d & 1U) != 0) charged += used.octets[d];
    for (const std::uint32_t owner : {slot.account, slot.client_account}) {
      if (owner >= totals.size()) continue;
      begin(owner);
      totals[owner].used += used;
      totals[owner].charged_octets += charged;
    }
  }
}

}  // namespace

std::vector<Settler::Totals> Settler::totals_of(const MeterTable& table) {
  const auto accounts = table.accounts();
  std::vector<Totals> totals(accounts.size());
  for (std::size_t i = 0; i < accounts.size(); ++i) totals[i] = closed_totals(accounts[i]);
  add_allocations(table, totals, [](std::uint32_t) {});
  return totals;
}

void Settler::collect() {
  const auto accounts = table_.accounts();
  totals_.resize(accounts.size());
  book_.for_each_active([&](const Account& account) {
    totals_[account.slot] = closed_totals(accounts[account.slot]);
  });
  add_allocations(table_, totals_, [&](std::uint32_t owner) {
    // Let in by a relay thread just when the account came to rest.
    Account* account = book_.at(owner);
    if (account == nullptr || account->active) return;
    book_.note_active(*account);
    totals_[owner] = closed_totals(accounts[owner]);
  });
}

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
  const std::uint64_t held = at_least ? 0 : broker::saturating_sub(unspent(account), soon_spent);
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
  collect();
  Reports reports;
  reports.reserve(asked.size());
  for (Account* account : asked) {
    account->dry_asked = account->refused_octets.load() != 0;
    reports.push_back(report_of(*account, ask));
    account->asking = true;
    account->must_report = account->tell_in_round = false;
  }
  const bool called_before = std::exchange(calling_, true);
  link_.exchange(incarnation_, reports,
                 [self = std::weak_ptr(self_), asked, reports](const auto& grants) {
                   if (const auto settler = self.lock())
                     (*settler)->take_answers(asked, reports, grants);
                 });
  calling_ = called_before;
}

void Settler::take_answers(const std::vector<Account*>& accounts, const Reports& reports,
                           const broker::Result<std::vector<broker::Grant>>& grants) {
  for (Account* account : accounts) account->asking = false;
  note_store(grants ? nullptr : &grants.error());
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
  account.reported_octets = octets_of(report.used);
  account.learning = grant.learning;
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
  put_back(account, static_cast<std::int64_t>(added));
  // The next grant is asked for while this one is still being spent: when half is left, or half of what
  // there should be.
  const std::uint64_t enough = std::min(unspent(account), wanted_beyond(account, 0));
  account.low_water.store(grant.remaining_octets == 0 ? 0 : static_cast<std::int64_t>(enough / 2));
  if (report.wanted_octets != 0) account.ready.store(true, std::memory_order_release);
  if (account.dry_asked) account.dry_answered = true;
  reopen(account, report, grant, added);
  if (std::exchange(account.lowered, false) && unspent(account) == 0) exhaust(account);
}

void Settler::reopen(Account& account, const broker::UsageReport& report,
                     const broker::Grant& grant, std::uint64_t added) {
  const Stage stage = account.stage.load();
  // Without allocations nothing was asked for yet: the next one will be given of what is left.
  std::uint64_t there = added != 0 || account.ready.load() ? added : grant.remaining_octets;
  if (link_.is_shared() && stage == Stage::exhausted &&
      unspent(account) + grant.remaining_octets < reopen_min_octets)
    there = 0;
  if (there != 0 && may_reopen(stage)) {
    account.stage.store(Stage::open, std::memory_order_release);
    if (stage == Stage::exhausted)
      host_.info("{}/{} has quota again: {} octets", account.key.csp,
                 broker::to_string(account.key.media), there);
  }
  const bool nothing = grant.remaining_octets == 0 && unspent(account) == 0 &&
                       grant.granted_octets == report.charged_octets &&
                       !others_may_give_back(account, 1);
  if (nothing && account.stage.load() == Stage::open && account.live.load() == 0)
    account.stage.store(Stage::exhausted, std::memory_order_release);
}

void Settler::take_back(const Account& account) {
  for (AllocationSlot& slot : table_.allocations()) {
    if (slot.state.load(std::memory_order_acquire) != SlotState::live) continue;
    if (slot.account != account.slot && slot.client_account != account.slot) continue;
    const std::int64_t credit = take_credit_back(slot.meter);
    if (credit == 0) continue;
    book_.put_back_to(slot, credit);
  }
}

void Settler::take_back_idle() {
  const auto slots = table_.allocations();
  swept_octets_.resize(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    AllocationSlot& slot = slots[i];
    if (slot.state.load(std::memory_order_acquire) != SlotState::live) continue;
    const std::uint64_t used = octets_of(used_of(slot));
    if (std::exchange(swept_octets_[i], used) != used) continue;
    if (const std::int64_t credit = take_credit_back(slot.meter); credit != 0)
      book_.put_back_to(slot, credit);
  }
}

bool Settler::others_may_give_back(const Account& account, std::uint64_t needed) const {
  if (!link_.is_shared()) return false;
  // What each keeps for its own next packets does not come back.
  return account.unspent_by_others_octets >=
         std::max(needed, account.holders * broker::GrantSize{}.share_min_octets + 1);
}

bool Settler::wait_for_others(Account& account, std::uint64_t needed) {
  const std::int64_t now_ms = clock_.steady_ms();
  if (account.recall_end_ms == 0) {
    if (!others_may_give_back(account, needed)) return false;
    account.recall_end_ms = now_ms + recall_wait_ms;
    link_.recall(account.key);
  } else if (now_ms >= account.recall_end_ms) {
    return false;
  }
  account.dry_answered = false;
  account.ask_at_ms = now_ms + ask_again_ms;
  return true;
}

void Settler::resolve_dry(Account& account) {
  const std::uint64_t needed = account.refused_octets.load();
  const auto covered = [&] { return needed == 0 || unspent(account) >= needed; };
  const auto ask = [&] {
    exchange({&account}, Ask::at_least);
    return account.dry_answered;
  };
  const Stage stage = account.stage.load();
  if (account.asking || (stage != Stage::open && stage != Stage::last)) return;

  if (!covered() && !account.dry_answered && (account.remaining_octets != 0 || !account.ready) &&
      !ask())
    return;
  if (!covered()) {
    // From here on allocations draw packet by packet, so that what is taken back stays back.
    account.stage.store(Stage::last);
    take_back(account);
  }
  if (!covered() && !account.dry_answered && !ask()) return;
  if (!covered() && wait_for_others(account, needed)) return;
  account.refused_octets.store(0);
  account.refill_asked.store(false);
  account.dry_answered = false;
  account.recall_end_ms = 0;
  if (!covered())
    exhaust(account);
  else if (account.remaining_octets != 0)
    account.stage.store(Stage::open);
}

void Settler::exhaust(Account& account) {
  account.stage.store(Stage::exhausted, std::memory_order_release);
  take_back(account);
  exhausted_ = true;
  // Of many relays that find it out at once a few tell the others.
  if (clock_.steady_ms() - account.exhausted_heard_ms > exhausted_quiet_ms)
    link_.tell_exhausted(account.key);
  host_.info("quota of {}/{}{}{} is exhausted: {} octets", account.key.csp,
             broker::to_string(account.key.media), account.key.client.empty() ? "" : " client ",
             account.key.client, account.limit_octets.load());
}

void Settler::change_limit(Account& account, std::uint64_t limit_octets) {
  const std::uint64_t before = account.limit_octets.exchange(limit_octets);
  book_.note_change();
  table_.account(account.slot).limit_octets = limit_octets;
  if (limit_octets >= before) {
    exchange({&account}, account.ready.load() ? Ask::at_least : Ask::nothing);
    return;
  }
  account.stage.store(Stage::last);
  take_back(account);
  give_up_unspent(account, 0);
  // Until the store answers the account stays dry: never over the new limit.
  account.lowered = true;
  exchange({&account}, Ask::at_least);
}

void Settler::correct_limit(Account& ended, std::uint64_t limit_octets) {
  if (ended.limit_octets.exchange(limit_octets) == limit_octets) return;
  book_.note_change();
  table_.account(ended.slot).limit_octets = limit_octets;
  take_back(ended);
  give_up_unspent(ended, 0);
}

std::uint64_t Settler::give_up_unspent(Account& account, std::uint64_t keep_octets) {
  const std::uint64_t held = unspent(account);
  if (held <= keep_octets) return 0;
  const auto drawn =
      static_cast<std::uint64_t>(draw(account, 1, static_cast<std::int64_t>(held - keep_octets)));
  account.granted_octets -= drawn;
  account.must_report = true;
  book_.note_active(account);
  return drawn;
}

/// The others were granted what this account still holds: under a limit that was higher, or by a ledger
/// that had forgotten.
void Settler::give_up_beyond(Account& account, std::uint64_t granted_octets) {
  if (account.granted_octets <= granted_octets) return;
  // Packet by packet, so that what is taken back stays back.
  if (account.stage.load() == Stage::open) account.stage.store(Stage::last);
  take_back(account);
  const std::uint64_t beyond = account.granted_octets - granted_octets;
  give_up_unspent(account, broker::saturating_sub(unspent(account), beyond));
}

void Settler::release(Account& account) {
  take_back(account);
  const bool must_report = account.must_report;
  const std::uint64_t given_up = give_up_unspent(account, 0);
  account.ready.store(false);
  if (link_.is_shared() && !must_report && given_up <= account.remaining_octets / small_part) {
    account.must_report = false;
    account.tell_in_round = account.tell_in_round || given_up != 0;
  } else {
    exchange({&account}, Ask::nothing);
  }
}

void Settler::give_back(Account& account) {
  if (account.stage.load() != Stage::open) return;
  const auto keep = static_cast<std::uint64_t>(account.octets_per_s);
  if (keep == 0) take_back(account);
  if (give_up_unspent(account, std::max(keep, broker::GrantSize{}.share_min_octets)) == 0) return;
  // Not to be asked for again at once by the next packet.
  account.low_water.store(static_cast<std::int64_t>(unspent(account) / 2));
  exchange({&account}, Ask::nothing);
}

bool Settler::is_settled(const Account& account) const {
  const Totals& totals = totals_[account.slot];
  return !account.asking && !account.must_report && !account.tell_in_round &&
         account.reported_octets == octets_of(totals.used) &&
         account.granted_octets <= totals.charged_octets;
}

void Settler::must_report(Account& account) {
  // What it has never used or held the ledger need not know.
  if (account.granted_octets == 0 && totals_[account.slot].used == broker::UsedTotals{}) return;
  account.must_report = true;
  book_.note_active(account);
}

void Settler::report_all() {
  collect();
  book_.for_each([this](Account& account) { must_report(account); });
  must_report_left_ = true;
  report_changes();
}

Settler::Reports Settler::reports_of_left() {
  Reports reports;
  book_.for_each_left([&](const broker::AccountKey& key, const SlotTotals& left) {
    broker::UsageReport report;
    report.account = key;
    report.used = {{left.octets[0], left.octets[1]}, {left.packets[0], left.packets[1]}};
    report.charged_octets = report.granted_octets = left.charged_octets;
    report.sequence = ++table_.header().report_sequence;
    reports.push_back(std::move(report));
  });
  return reports;
}

void Settler::report_left() {
  if (!must_report_left_ || reporting_left_) return;
  must_report_left_ = false;
  Reports reports = reports_of_left();
  if (reports.empty()) return;
  reporting_left_ = true;
  link_.exchange(incarnation_, std::move(reports),
                 [self = std::weak_ptr(self_)](const auto& grants) {
                   const auto settler = self.lock();
                   if (settler == nullptr) return;
                   (*settler)->reporting_left_ = false;
                   if (!grants) (*settler)->must_report_left_ = true;
                 });
}

void Settler::report_changes() {
  report_left();
  collect();
  const std::int64_t now_ms = clock_.steady_ms();
  // All that can wait is told together: what belongs to one shard of the ledger is one call then.
  const bool round = now_ms >= next_round_ms_;
  if (round) next_round_ms_ = now_ms + link_.report_interval_ms();
  std::vector<Account*> changed;
  const auto look_at = [&](Account& account) {
    const std::uint64_t octets = octets_of(totals_[account.slot].used);
    const std::int64_t elapsed_ms = now_ms - account.measured_at_ms;
    if (elapsed_ms > 0 && account.measured_at_ms != 0)
      account.octets_per_s =
          static_cast<double>(broker::saturating_sub(octets, account.measured_octets)) * 1000.0 /
          static_cast<double>(elapsed_ms);
    account.measured_octets = octets;
    account.measured_at_ms = now_ms;
    const bool news = octets != account.reported_octets ||
                      account.stage.load() == Stage::exhausted || account.tell_in_round;
    // One that learns is asked until it has learned: then what is left is known.
    if (account.must_report || account.learning || (round && news)) changed.push_back(&account);
  };
  if (round)
    book_.for_each(look_at);
  else
    book_.for_each_active(look_at);
  exchange(changed, Ask::ahead);
}

bool Settler::check_validity(const std::optional<std::uint64_t>& extra_octets) {
  const bool ended = clock_.steady_ms() >= link_.valid_until_ms();
  if (!ended && !halted_) return false;
  const bool just_ended = ended && !halted_;
  halted_ = ended;
  if (just_ended)
    host_.error("the ledger was out of reach for longer than grants are valid: {}",
                extra_octets ? "relaying goes on as on_store_loss allows" : "allocations are cut");
  bool any = false;
  collect();
  book_.for_each([&](Account& account) {
    const Stage stage = account.stage.load();
    if (!ended) {
      if (stage == Stage::halted) account.stage.store(Stage::open, std::memory_order_release);
      must_report(account);
      return;
    }
    // What is left of a grant ends with it: a store that forgot it may have granted it to others.
    if (stage == Stage::halted) give_up_unspent(account, 0);
    if (stage != Stage::open && stage != Stage::last) return;
    if (extra_octets && just_ended) {
      take_back(account);
      give_up_unspent(account, 0);
      account.granted_octets += *extra_octets;
      put_back(account, static_cast<std::int64_t>(*extra_octets));
    }
    if (extra_octets && unspent(account) >= std::max<std::uint64_t>(account.refused_octets, 1))
      return;
    account.stage.store(Stage::halted, std::memory_order_release);
    take_back(account);
    give_up_unspent(account, 0);
    any = true;
  });
  return any;
}

std::vector<broker::UsageReport> Settler::last_reports() {
  collect();
  Reports reports = reports_of_left();
  book_.for_each([&](Account& account) {
    auto report = report_of(account, Ask::nothing);
    report.granted_octets = report.charged_octets;
    reports.push_back(std::move(report));
  });
  return reports;
}

void Settler::note_store(const broker::Error* error) {
  const std::string text = error == nullptr ? "" : error->message;
  if (text == store_error_) return;
  if (text.empty())
    host_.info("the ledger answers again");
  else
    host_.error("the ledger does not answer: {}; relaying goes on from what is granted", text);
  store_error_ = text;
}

}  // namespace plugin
