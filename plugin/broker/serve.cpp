// What relay threads and the clock ask of the broker (broker.h).
#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/cutter.h"
#include "broker/record_of.h"

namespace plugin {

namespace {

/// How far a clock may be set back without a period that has begun being left again.
constexpr std::int64_t clock_error_s = 60;

bool is_ahead(const Account& account, broker::UnixSeconds now) {
  return now < account.period.start_s - clock_error_s;
}

bool refuses(const Account* account) {
  return account != nullptr && refuses(account->stage.load(std::memory_order_acquire));
}

}  // namespace

void Broker::on_wake() {
  inbox_.drain();
  if (stop_asked_.load()) {
    ::event_base_loopbreak(base_.get());
    return;
  }
  if (reload_asked_.exchange(false)) [[maybe_unused]]
    const auto reported = reload();
  if (drain_asked_.exchange(false)) drain_by_signal();
  serve_admissions();
  credit_waits_ = true;
  serve_credit();
  for (const auto& work : desk_.take()) work(*this);
  tell_standing();
}

void Broker::on_tick() {
  const std::int64_t now_ms = clock_.steady_ms();
  table_->header().alive_ms.store(clock_.unix_ms());
  roll_periods();
  serve_admissions();
  serve_credit();
  cut_expired();
  announcer_->look();
  fold_closed();
  if (now_ms >= next_second_ms_) {
    next_second_ms_ = now_ms + 1'000;
    every_second();
  }
  if (revocation_reader_ != nullptr) revocation_reader_->look();
  check_validity();
  cut_refusing();
  cut_lapsed();
  look_at_drain();
  tell_standing();
}

void Broker::on_answer() {
  serve_admissions();
  serve_credit();
  tell_standing();
}

void Broker::check_validity() {
  const auto& redis = config_->store.redis;
  std::optional<std::uint64_t> extra_octets;
  if (redis && redis->on_store_loss && !settler_->is_over())
    extra_octets = redis->on_store_loss->count;
  if (settler_->check_validity(extra_octets)) cut_refusing();
  // Nothing it relays would count: it makes room for a start, which begins a new incarnation.
  if (settler_->is_over() && !drain_.by_signal()) {
    drain_.begin_by_signal(clock_.steady_ms());
    tell_drain();
  }
}

void Broker::every_second() {
  credit_waits_ = true;
  if (!settler_->store_error().empty()) probe_store();
  // A file that only the refused configuration names is not watched.
  if (!config_error_.empty()) [[maybe_unused]]
    const auto reported = reload();
  link_->look_for_loss();
  if (bus_ != nullptr) bus_->look();
  settler_->report_changes();
  if (lives_teller_ != nullptr) lives_teller_->look();
  save_revocations();
  tell_fleet();
  tell_usage();
  settler_->take_back_idle();
  cut_revoked();
  idle_->look();
  snapshots_.collect();
  if (auto status = records_->retry(std::chrono::steady_clock::now()); !status)
    host_.error("{}", status.error().message);
}

// While the ledger fails the HTTP API sends clients away, so that nobody else would ask it again.
void Broker::probe_store() {
  Account* any = nullptr;
  book_->for_each([&](Account& account) { any = &account; });
  if (any != nullptr) settler_->exchange({any}, Settler::Ask::nothing);
}

// Who lacks credit wakes the broker; until nobody does, it looks again at every turn.
void Broker::serve_credit() {
  if (!std::exchange(credit_waits_, false)) return;
  if (settler_->serve_waiting()) credit_waits_ = true;
  if (settler_->take_exhausted()) cut_refusing();
}

void Broker::cut_refusing() {
  bool any = false;
  book_->for_each_active([&](const Account& account) {
    any = any || (refuses(&account) && account.live.load() != 0);
  });
  if (!any) return;
  plugin::cut(host_, *table_, TURN_CLOSE_QUOTA_EXHAUSTED, [&](const AllocationSlot& slot) {
    const Account* account = index_->at(slot.account);
    const Account* client = index_->at(slot.client_account);
    return (account != nullptr && account->stage.load() == Stage::exhausted) ||
           (client != nullptr && client->stage.load() == Stage::exhausted);
  });
  plugin::cut(host_, *table_, TURN_CLOSE_CANCELLED, [&](const AllocationSlot& slot) {
    const Account* account = index_->at(slot.account);
    const Account* client = index_->at(slot.client_account);
    return (account != nullptr && account->stage.load() == Stage::halted) ||
           (client != nullptr && client->stage.load() == Stage::halted);
  });
  plugin::cut(host_, *table_, TURN_CLOSE_REVOKED, [&](const AllocationSlot& slot) {
    const Account* account = index_->at(slot.account);
    return account != nullptr && account->stage.load() == Stage::closed;
  });
}

void Broker::cut_expired() {
  if (!config_->strict_expiry) return;
  const auto now = now_s();
  plugin::cut(host_, *table_, TURN_CLOSE_EXPIRED, [&](const AllocationSlot& slot) {
    return slot.expiry_s != 0 && slot.expiry_s <= now;
  });
}

void Broker::cut_revoked() {
  if (revocations_->empty()) return;
  // Those that were just being admitted when the revocation was published.
  plugin::cut(host_, *table_, TURN_CLOSE_REVOKED, [&](const AllocationSlot& slot) {
    const Account* account = index_->at(slot.account);
    return account != nullptr &&
           revocations_->cover(account->key.csp, slot.who_hash, slot.issued_s);
  });
}

void Broker::fold_closed() {
  while (AllocationSlot* slot = table_->next_closed()) {
    if (slot->created != 0 && slot->continued == 0) {
      const auto record = record_of(*table_, *slot, end_reason(slot->close_reason));
      if (auto status = records_->append(record, std::chrono::steady_clock::now()); !status)
        host_.error("{}", status.error().message);
      announcer_->closed(*slot, record);
      tally_.closed({record.csp, record.media}, record.reason);
    }
    // The allocation was what made an account that came to rest meanwhile be looked at.
    for (const std::uint32_t owner : {slot->account, slot->client_account})
      if (Account* account = index_->at(owner); account != nullptr) book_->note_active(*account);
    table_->fold_and_free(*slot);
  }
}

std::vector<Account*> Broker::beyond_their_period(broker::UnixSeconds now) const {
  std::vector<Account*> found;
  std::set<std::pair<std::string, broker::MediaType>> waiting;
  book_->for_each([&](Account& account) {
    if (account.stage.load() == Stage::over) return;
    if (now < account.period.end_s && !is_ahead(account, now)) return;
    found.push_back(&account);
    // Where the clock leads back to may not have come to its end yet: until then allocations that go on would go
    // round in a circle.
    const broker::AccountKey& key = account.key;
    const auto start_s = broker::period_at(account.period_kind, now).start_s;
    const Account* next = book_->find({key.csp, key.media, start_s, key.client});
    if (next != nullptr && next->stage.load() == Stage::over) waiting.insert({key.csp, key.media});
  });
  std::erase_if(found, [&](const Account* account) {
    return waiting.contains({account->key.csp, account->key.media});
  });
  return found;
}

void Broker::roll_periods() {
  const auto now = now_s();
  if (now >= book_->last_start_s() - clock_error_s && now < book_->first_end_s()) return;
  const std::vector<Account*> ended = beyond_their_period(now);
  if (ended.empty()) return book_->find_bounds();

  std::vector<Account*> fresh;
  std::vector<Account*> successors;
  for (Account* account : ended) {
    const auto* quota = quota_of(account->key);
    const bool live = account->live.load() != 0;
    Account* next = nullptr;
    if (quota != nullptr && (live || account->key.client.empty()))
      next = account_for(account->key.csp, account->key.media, *quota, account->key.client, true);
    if (next != nullptr && live) fresh.push_back(next);
    successors.push_back(next);
  }
  settler_->exchange(fresh, Settler::Ask::at_least);
  for (std::size_t i = 0; i < ended.size(); ++i) {
    end_period(*ended[i], successors[i]);
    const broker::AccountKey& key = ended[i]->key;
    // With the CSP's account: to do it for each of its clients would take the square of the time.
    if (!key.client.empty()) continue;
    const std::string period = broker::period_name(ended[i]->period_kind, ended[i]->period.start_s);
    if (is_ahead(*ended[i], now)) {
      host_.warning("the clock was set back: period {} of {}/{} has not begun", period, key.csp,
                    broker::to_string(key.media));
      continue;
    }
    book_->forget_before(key);
    host_.info("period {} of {}/{} is over", period, key.csp, broker::to_string(key.media));
  }
  book_->find_bounds();
  publish();
}

}  // namespace plugin
