#include "broker/announcer.h"

#include <algorithm>

#include "broker/record_of.h"

namespace plugin {

namespace {

constexpr std::int64_t usage_interval_ms = 1'000;
constexpr std::int64_t look_interval_ms = 250;
constexpr std::int64_t collect_interval_ms = 200;
constexpr std::int64_t idle_look_interval_ms = 1'000;

bool is_exhausted(const Account& account) {
  return account.stage.load(std::memory_order_relaxed) == Stage::exhausted;
}

bool ended_by_broker(EndReason reason) {
  switch (reason) {
    case EndReason::expired:
    case EndReason::quota_exhausted:
    case EndReason::cancelled:
    case EndReason::revoked:
    case EndReason::shutdown: return true;
    case EndReason::released:
    case EndReason::recovered: return false;
  }
  return false;
}

}  // namespace

Announcer::Announcer(const Clock& clock, const AccountIndex& index, const AccountBook& book,
                     Settler& settler, const std::vector<EventSink*>& sinks)
    : clock_(clock), index_(index), book_(book), settler_(settler), sinks_(sinks) {}

void Announcer::configure(std::vector<std::uint32_t> thresholds) {
  thresholds_ = std::move(thresholds);
  refresh_ = true;
  look();
}

bool Announcer::is_watched(const Account& account, std::int64_t now_s) {
  const Stage stage = account.stage.load(std::memory_order_relaxed);
  // Two periods' accounts stand side by side after the wall clock was set back.
  return account.key.client.empty() && stage != Stage::over && stage != Stage::closed &&
         now_s >= account.period.start_s && now_s < account.period.end_s;
}

Announcer::Seen Announcer::see(const Account& account) const {
  const auto& totals = settler_.totals();
  Seen seen;
  seen.account = &account;
  seen.limit_octets = account.limit_octets.load(std::memory_order_relaxed);
  seen.used_octets = account.others_charged_octets;
  if (account.slot < totals.size()) seen.used_octets += totals[account.slot].charged_octets;
  seen.exhausted = is_exhausted(account);
  return seen;
}

bool Announcer::wanted(std::int64_t now_ms) const {
  if (all_wanted(now_ms)) return true;
  bool busy = false;
  if (now_ms >= next_look_ms_)
    book_.for_each_active([&](const Account& account) {
      busy = busy || account.live.load(std::memory_order_relaxed) != 0 ||
             (account.slot < seen_.size() && seen_[account.slot].usage_waits);
    });
  return busy;
}

bool Announcer::has_changed() const { return refresh_ || book_.changes() != seen_changes_; }

bool Announcer::all_wanted(std::int64_t now_ms) const {
  return has_changed() || now_ms >= next_idle_look_ms_;
}

void Announcer::look() {
  collected_ = false;
  const std::int64_t now_ms = clock_.steady_ms();
  if (sinks_.empty() || !wanted(now_ms)) return;
  const bool all = all_wanted(now_ms);
  const bool exactly = has_changed();
  next_look_ms_ = now_ms + look_interval_ms;
  if (all) next_idle_look_ms_ = now_ms + idle_look_interval_ms;
  seen_changes_ = book_.changes();
  if (exactly)
    collect();
  else
    settler_.collect_if_older(collect_interval_ms);
  seen_.resize(settler_.totals().size());
  if (refresh_) ++round_;
  const std::int64_t now_s = clock_.unix_ms() / 1'000;
  const auto look_if_watched = [&](const Account& account) {
    if (is_watched(account, now_s)) look_at(account, now_ms);
  };
  if (all)
    book_.for_each(look_if_watched);
  else
    book_.for_each_active(look_if_watched);
  // What a configuration took away is forgotten: should it come back, it is new.
  if (refresh_) {
    std::erase_if(watched_, [&](const auto& each) { return each.second.round != round_; });
    for (Seen& seen : seen_) seen.watched = nullptr;
  }
  refresh_ = false;
}

bool Announcer::can_wait(const Seen& seen, const Seen& now, std::int64_t now_ms) const {
  return !refresh_ && seen.account == now.account && seen.limit_octets == now.limit_octets &&
         seen.exhausted == now.exhausted && seen.watched != nullptr &&
         now_ms - seen.watched->usage_at_ms < usage_interval_ms &&
         now.used_octets >= seen.used_octets && now.used_octets < seen.level_octets;
}

std::uint64_t Announcer::next_level(const Seen& now) const {
  constexpr std::uint64_t percents = 100;
  // Too low is harmless: then it is looked at more closely.
  std::uint64_t next = now.limit_octets;
  for (const std::uint32_t percent : thresholds_)
    if (const std::uint64_t level = now.limit_octets / percents * percent; level > now.used_octets)
      next = std::min(next, level);
  return next;
}

void Announcer::look_at(const Account& account, std::int64_t now_ms) {
  const Seen now = see(account);
  Seen& seen = seen_[account.slot];
  if (!refresh_ && !seen.usage_waits && seen.account == now.account &&
      seen.limit_octets == now.limit_octets && seen.used_octets == now.used_octets &&
      seen.exhausted == now.exhausted)
    return;
  if (can_wait(seen, now, now_ms)) {
    seen.used_octets = now.used_octets;
    seen.usage_waits = true;
    return;
  }
  seen = now;
  seen.level_octets = next_level(now);

  const auto [entry, is_new] = watched_.try_emplace({account.key.csp, account.key.media});
  Watched& watched = entry->second;
  seen.watched = &watched;
  watched.round = round_;
  Event event = event_of(account, EventKind::usage);
  const auto change = broker::level_change(
      watched.told, {event.period, event.limit_octets, event.used_octets, event.exhausted},
      thresholds_);
  const bool other_period = watched.told.period != event.period;
  watched.told = change.told;

  const bool changed =
      watched.used_octets != event.used_octets || watched.limit_octets != event.limit_octets;
  const bool soon = now_ms - watched.usage_at_ms < usage_interval_ms;
  if (refresh_ || is_new || other_period || (changed && !soon)) {
    watched.used_octets = event.used_octets;
    watched.limit_octets = event.limit_octets;
    watched.usage_at_ms = now_ms;
    post(event);
  } else {
    seen.usage_waits = changed;
  }
  // What an account had reached when it was first looked at, its watchers see first or have been
  // told by an earlier process.
  if (is_new) return;
  if (change.restored) {
    event.kind = EventKind::restored;
    post(event);
  }
  event.kind = EventKind::threshold;
  for (const std::uint32_t level : change.reached) {
    event.percent = level;
    post(event);
  }
}

void Announcer::closed(const AllocationSlot& slot, const UsageRecord& record) {
  if (sinks_.empty() || !ended_by_broker(record.reason)) return;
  const Account* account = index_.at(slot.account);
  if (account == nullptr) return;
  // Folding moves octets inside the totals and does not change them: once is enough for all that
  // are folded in one tick.
  if (!collected_) collect();
  Event event = event_of(*account, EventKind::cut);
  event.client = record.client;
  event.allocation = record.allocation;
  event.reason = to_string(record.reason);
  post(event);
}

Event Announcer::event_of(const Account& account, EventKind kind) const {
  const Seen seen = see(account);
  Event event;
  event.kind = kind;
  event.at_ms = clock_.unix_ms();
  event.csp = account.key.csp;
  event.media = account.key.media;
  event.period = broker::period_name(account.period_kind, account.key.period_start_s);
  event.limit_octets = seen.limit_octets;
  event.used_octets = seen.used_octets;
  event.exhausted = seen.exhausted;
  return event;
}

void Announcer::collect() {
  settler_.collect();
  collected_ = true;
}

void Announcer::post(const Event& event) const {
  for (EventSink* sink : sinks_) sink->post(event);
}

}  // namespace plugin
