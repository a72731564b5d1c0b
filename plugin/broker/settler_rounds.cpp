// What the ledger is told without being asked for anything, and what ends with it (settler.h).
#include "broker/settler.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "take_last.h"

namespace plugin {

namespace {

/// Accounts that are gone, in one call to the ledger.
constexpr std::size_t left_in_call = 1'024;

}  // namespace

void Settler::must_report(Account& account) {
  // What it has never used or held the ledger need not know.
  if (!account.asking && account.granted_octets == 0 &&
      totals_[account.slot].used == broker::UsedTotals{})
    return;
  account.must_report = true;
  book_.note_active(account);
}

void Settler::report_all() {
  collect();
  const std::int64_t learns_ms = link_.learns_ms();
  const std::int64_t by_ms = learns_ms == INT64_MAX ? 0 : clock_.steady_ms() + learns_ms;
  book_.for_each([&](Account& account) {
    must_report(account);
    if (account.must_report && account.retell_by_ms == 0) account.retell_by_ms = by_ms;
  });
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

/// There may be more than one call to the ledger can hold.
void Settler::report_left() {
  if (reporting_left_) return;
  if (std::exchange(must_report_left_, false)) left_to_report_ = reports_of_left();
  if (left_to_report_.empty()) return;
  reporting_left_ = true;
  link_.exchange(incarnation_, take_last(left_to_report_, left_in_call),
                 [self = std::weak_ptr(self_), begun = meter_->begin()](const auto& grants) {
                   if (const auto settler = self.lock())
                     (*settler)->left_reported(begun, grants.ok());
                 });
}

void Settler::left_reported(ExchangeMeter::Time begun, bool taken) {
  meter_->end(begun, taken);
  reporting_left_ = false;
  // From the start: what was taken before may be forgotten, too.
  if (!taken) must_report_left_ = true;
  if (taken && !ending_) report_left();
}

/// Relays that were started together, or waited for the ledger together, are not to report together for
/// ever: from three quarters of the interval to five, another part of it in each relay and round.
std::int64_t Settler::round_ms() {
  constexpr std::uint64_t parts = 1'024;
  std::uint64_t mixed = incarnation_.id + ++rounds_ * 0x9e37'79b9'7f4a'7c15;
  mixed = (mixed ^ (mixed >> 31)) * 0xbf58'476d'1ce4'e5b9;
  const auto part = static_cast<std::int64_t>((mixed >> 32) % parts);
  const std::int64_t interval_ms = link_.report_interval_ms();
  return interval_ms * 3 / 4 + interval_ms * part / (2 * static_cast<std::int64_t>(parts));
}

void Settler::report_changes() {
  report_left();
  collect();
  const std::int64_t now_ms = clock_.steady_ms();
  // All that can wait is told together: what belongs to one shard of the ledger is one call then.
  const bool round = now_ms >= next_round_ms_;
  if (round) next_round_ms_ = now_ms + round_ms();
  std::vector<Account*> changed;
  bool asked_one = false;
  const auto look_at = [&](Account& account) {
    const std::uint64_t octets = totals_[account.slot].used.all_octets();
    const std::int64_t elapsed_ms = now_ms - account.measured_at_ms;
    if (elapsed_ms > 0 && account.measured_at_ms != 0)
      account.octets_per_s =
          static_cast<double>(broker::saturating_sub(octets, account.measured_octets)) * 1000.0 /
          static_cast<double>(elapsed_ms);
    account.measured_octets = octets;
    account.measured_at_ms = now_ms;
    // What others give back may open it again, or what is left when a limit was lowered.
    const bool may_open = account.stage.load() == Stage::exhausted &&
                          (link_.is_shared() || account.remaining_octets != 0);
    const bool news = octets != account.reported_octets || may_open || account.tell_in_round;
    // A ledger that learns is asked until it has learned, for those that relay and one more; for the
    // others, what is left of them is known with the next round.
    const bool busy = account.live.load() != 0 || account.refused_octets.load() != 0;
    const bool learns = account.learning && (busy || round || !std::exchange(asked_one, true));
    if (account.must_report || learns || (round && news)) changed.push_back(&account);
  };
  if (round)
    book_.for_each(look_at);
  else
    book_.for_each_active(look_at);
  exchange(changed, Ask::ahead);
}

void Settler::halt(Account& account) {
  account.stage.store(Stage::halted, std::memory_order_release);
  take_back(account);
  give_up_unspent(account, 0);
}

/// Contact alone, for other accounts, does not renew the grants of one that a ledger forgot and could not be
/// told of again.
bool Settler::halt_untold() {
  const std::int64_t now_ms = clock_.steady_ms();
  bool any = false;
  book_.for_each_active([&](Account& account) {
    const Stage stage = account.stage.load();
    if (account.retell_by_ms == 0 || now_ms < account.retell_by_ms ||
        (stage != Stage::open && stage != Stage::last))
      return;
    halt(account);
    any = true;
  });
  return any;
}

bool Settler::check_validity(const std::optional<std::uint64_t>& extra_octets) {
  const bool ended = over_ || clock_.steady_ms() >= link_.valid_until_ms();
  if (!ended && !halted_) return !extra_octets && halt_untold();
  const bool just_ended = ended && !halted_;
  halted_ = ended;
  if (just_ended && !over_)
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
    if (extra_octets && unspent_of(account) >= std::max<std::uint64_t>(account.refused_octets, 1))
      return;
    halt(account);
    any = true;
  });
  return any;
}

std::vector<broker::UsageReport> Settler::last_reports() {
  ending_ = true;
  collect();
  Reports reports = reports_of_left();
  book_.for_each([&](Account& account) {
    auto report = report_of(account, Ask::nothing);
    report.granted_octets = report.charged_octets;
    reports.push_back(std::move(report));
  });
  return reports;
}

}  // namespace plugin
