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

}  // namespace

Settler::Settler(const Host& host, const Clock& clock, MeterTable& table, AccountBook& book,
                 broker::LedgerStore& store, broker::Incarnation incarnation)
    : host_(host),
      clock_(clock),
      table_(table),
      book_(book),
      store_(store),
      incarnation_(std::move(incarnation)) {}

std::vector<Settler::Totals> Settler::totals_of(const MeterTable& table) {
  const auto accounts = table.accounts();
  std::vector<Totals> totals(accounts.size());
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const SlotTotals& closed = accounts[i].closed;
    totals[i].used = {{closed.octets[0], closed.octets[1]}, {closed.packets[0], closed.packets[1]}};
    totals[i].charged_octets = closed.charged_octets;
  }
  for (const AllocationSlot& slot : table.allocations()) {
    if (slot.state.load(std::memory_order_acquire) == SlotState::free) continue;
    const auto used = used_of(slot);
    std::uint64_t charged = 0;
    for (std::size_t d = 0; d < 2; ++d)
      if ((slot.meter.charged_directions >> d & 1U) != 0) charged += used.octets[d];
    for (const std::uint32_t owner : {slot.account, slot.client_account}) {
      if (owner >= totals.size()) continue;
      totals[owner].used += used;
      totals[owner].charged_octets += charged;
    }
  }
  return totals;
}

broker::UsageReport Settler::report_of(const Account& account) const {
  const Totals& totals = totals_[account.slot];
  broker::UsageReport report;
  report.account = account.key;
  report.limit_octets = account.limit_octets.load();
  report.used = totals.used;
  report.charged_octets = totals.charged_octets;
  // While the account gave credit back a packet may have been in flight: never report less than
  // used.
  report.granted_octets = std::max(account.granted_octets, totals.charged_octets);
  report.sequence = ++table_.header().report_sequence;
  return report;
}

bool Settler::exchange(const std::vector<Account*>& accounts, Ask ask) {
  if (accounts.empty()) return true;
  for (Account* account : accounts) account->refill_asked.store(false);
  collect();
  std::vector<broker::UsageReport> reports;
  reports.reserve(accounts.size());
  for (Account* account : accounts) {
    auto report = report_of(*account);
    if (ask == Ask::at_least ||
        (ask == Ask::when_low && account->ready.load() &&
         (account->pool.load() < account->low_water.load() || may_reopen(account->stage.load()))))
      report.wanted_octets = broker::wanted_octets(
          grant_size_, ask == Ask::at_least ? 0 : unspent(*account), account->octets_per_s);
    if (const auto refused = account->refused_octets.load(); report.wanted_octets != 0)
      report.wanted_octets = std::max(report.wanted_octets, refused);
    reports.push_back(std::move(report));
  }
  auto grants = store_.exchange(incarnation_, reports);
  note_store(grants ? nullptr : &grants.error());
  if (!grants) return false;
  for (std::size_t i = 0; i < accounts.size(); ++i)
    take_answer(*accounts[i], reports[i], grants.value()[i]);
  return true;
}

void Settler::take_answer(Account& account, const broker::UsageReport& report,
                          const broker::Grant& grant) {
  const std::uint64_t added = broker::saturating_sub(grant.granted_octets, report.granted_octets);
  account.granted_octets = std::max(grant.granted_octets, report.granted_octets);
  account.remaining_octets = grant.remaining_octets;
  account.others = grant.used_by_others;
  account.others_charged_octets = grant.used_by_others_octets;
  account.reported_octets = octets_of(report.used);
  put_back(account, static_cast<std::int64_t>(added));
  // Half of what is there now: the next grant is asked for while this one is still being spent.
  account.low_water.store(
      grant.remaining_octets == 0 ? 0 : static_cast<std::int64_t>(unspent(account) / 2));
  if (report.wanted_octets != 0) account.ready.store(true, std::memory_order_release);

  const Stage stage = account.stage.load();
  // Without allocations nothing was asked for yet: the next one will be given of what is left.
  const std::uint64_t there = added != 0 || account.ready.load() ? added : grant.remaining_octets;
  if (there != 0 && may_reopen(stage)) {
    account.stage.store(Stage::open, std::memory_order_release);
    if (stage == Stage::exhausted)
      host_.info("{}/{} has quota again: {} octets", account.key.csp,
                 broker::to_string(account.key.media), there);
  }
  const bool nothing = grant.remaining_octets == 0 && unspent(account) == 0 &&
                       grant.granted_octets == report.charged_octets;
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

bool Settler::resolve_dry(Account& account) {
  const std::uint64_t needed = account.refused_octets.load();
  const auto covered = [&] { return needed == 0 || unspent(account) >= needed; };
  const Stage stage = account.stage.load();
  if (stage != Stage::open && stage != Stage::last) return false;

  bool asked = false;
  if (account.remaining_octets != 0 || !account.ready.load()) {
    if (!exchange({&account}, Ask::at_least)) return false;
    asked = true;
  }
  if (!covered()) {
    // From here on allocations draw packet by packet, so that what is taken back stays back.
    account.stage.store(Stage::last);
    take_back(account);
  }
  if (!covered() && !asked && !exchange({&account}, Ask::at_least)) return false;
  account.refused_octets.store(0);
  account.refill_asked.store(false);
  if (covered()) {
    if (account.remaining_octets != 0) account.stage.store(Stage::open);
    return false;
  }
  exhaust(account);
  return true;
}

void Settler::exhaust(Account& account) {
  account.stage.store(Stage::exhausted, std::memory_order_release);
  take_back(account);
  host_.info("quota of {}/{}{}{} is exhausted: {} octets", account.key.csp,
             broker::to_string(account.key.media), account.key.client.empty() ? "" : " client ",
             account.key.client, account.limit_octets.load());
}

bool Settler::change_limit(Account& account, std::uint64_t limit_octets) {
  const std::uint64_t before = account.limit_octets.exchange(limit_octets);
  table_.account(account.slot).limit_octets = limit_octets;
  if (limit_octets >= before) {
    exchange({&account}, account.ready.load() ? Ask::at_least : Ask::nothing);
    return false;
  }
  account.stage.store(Stage::last);
  take_back(account);
  const std::int64_t unspent_octets = draw(account, 1, INT64_MAX);
  account.granted_octets -= static_cast<std::uint64_t>(unspent_octets);
  // Without an answer from the store the account stays dry: never over the new limit.
  if (!exchange({&account}, Ask::at_least)) return false;
  if (unspent(account) != 0) return false;
  exhaust(account);
  return true;
}

void Settler::release(Account& account) {
  take_back(account);
  const std::int64_t unspent_octets = draw(account, 1, INT64_MAX);
  account.granted_octets -= static_cast<std::uint64_t>(unspent_octets);
  account.ready.store(false);
  exchange({&account}, Ask::nothing);
}

void Settler::report_changes() {
  collect();
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<Account*> changed;
  book_.for_each([&](Account& account) {
    const std::uint64_t octets = octets_of(totals_[account.slot].used);
    const std::int64_t elapsed_ms = now_ms - account.measured_at_ms;
    if (elapsed_ms > 0 && account.measured_at_ms != 0)
      account.octets_per_s =
          static_cast<double>(broker::saturating_sub(octets, account.measured_octets)) * 1000.0 /
          static_cast<double>(elapsed_ms);
    account.measured_octets = octets;
    account.measured_at_ms = now_ms;
    if (octets != account.reported_octets || account.stage.load() == Stage::exhausted)
      changed.push_back(&account);
  });
  exchange(changed, Ask::when_low);
}

broker::Status Settler::end() {
  collect();
  std::vector<broker::UsageReport> reports;
  book_.for_each([&](Account& account) {
    auto report = report_of(account);
    report.granted_octets = report.charged_octets;
    reports.push_back(std::move(report));
  });
  return store_.end(incarnation_, reports);
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
