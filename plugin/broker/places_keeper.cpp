#include "broker/places_keeper.h"

#include <algorithm>

namespace plugin {

namespace {

/// How long to wait for what other relays give back, and how often to ask whether they did.
constexpr std::int64_t recall_wait_ms = 600;
constexpr std::int64_t ask_again_ms = 100;
/// A place whose allocation has just ended on another relay is with the ledger by then.
constexpr std::int64_t passing_on_ms = 150;
/// One recall, by whichever relay, is enough for so long, since all keep none to spare for longer.
constexpr std::int64_t recall_again_ms = 1'000;
constexpr std::int64_t sparse_ms = 2'000;
/// How often to try a ledger that does not answer, or learns.
constexpr std::int64_t retry_ms = 300;
constexpr std::int64_t idle_ms = 10'000;
/// Places are reported so often that a few answers may fail to come while they are good.
constexpr std::int64_t reports_in_validity = 3;
constexpr std::int64_t watches_in_validity = 4;

/// How long a relay has been silent when its allocations have ended for want of an answer: its clock
/// may be slower, it looks once in a tick, and ending them takes a moment.
std::int64_t silent_ms(std::int64_t validity_ms) { return validity_ms * 11 / 10 + 500; }

std::uint32_t narrow(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, Places::unlimited - 1));
}

bool lacks(const Places& places) {
  return places.waiting > places.spare() && places.live() < places.limit.load();
}

/// Until an allocation waits: one that finds no place held always does.
bool is_at_rest(const Places& places) {
  const bool has_none = !places.is_limited() || places.held() == 0;
  return has_none && places.known_held == 0 && places.waiting == 0 && !places.asking &&
         !places.must_report && places.silent_at_ms == 0;
}

bool runs_low(const Places& places) {
  return places.refill_asked.load() && places.spare() < places.low_water.load();
}

}  // namespace

void PlacesKeeper::note_active(Places& places) {
  if (std::exchange(places.active, true)) return;
  active_.push_back(&places);
}

void PlacesKeeper::forget_waiting() {
  for (Places* places : active_) {
    places->waiting = 0;
    places->refuse = false;
  }
}

void PlacesKeeper::note_waiting(Places& places) {
  note_active(places);
  ++places.waiting;
}

void PlacesKeeper::set_limit(Places& places, std::uint32_t limit) {
  const std::uint32_t before = places.limit.exchange(limit);
  if (limit == before && places.shared.load() == (limit != 0)) return;
  places.shared.store(limit != 0);
  places.must_report = places.live() != 0 || places.known_held != 0;
  places.ask_at_ms = 0;
  note_active(places);
  if (limit == 0) {
    places.pass_on(false);
    places.hold(Places::unlimited);
  } else if (before == 0 || limit < before) {
    // Until the ledger answers there are no new ones, and each that ends counts towards the limit.
    places.pass_on(true);
    places.hold_live();
    places.spare_wanted = 0;
    places.low_water.store(0);
    if (before == 0) places.valid_until_ms = clock_.steady_ms() + link_.places_validity_ms();
  }
}

void PlacesKeeper::trim(Places& places, std::int64_t now_ms) const {
  if (places.waiting <= places.spare()) places.lacking_since_ms = 0;
  if (places.live() != 0 || places.waiting != 0) places.idle_since_ms = now_ms;
  const bool idle = now_ms - places.idle_since_ms >= idle_ms;
  if (places.passes_on() || idle)
    places.keep_spare(places.waiting);
  else if (places.spare() > 2 * places.spare_wanted + places.waiting + 1)
    places.keep_spare(narrow(places.spare_wanted + places.waiting));
}

bool PlacesKeeper::is_due(const Places& places, std::int64_t now_ms) const {
  if (places.asking) return false;
  // Somebody may be waiting for what is given back.
  const bool gives = places.is_limited() && places.held() < places.known_held;
  if (now_ms < places.ask_at_ms && (places.must_report || !gives)) return false;
  if (places.must_report) return true;
  if (!places.is_limited()) return places.known_held != 0;
  if (places.known_held != places.held() || lacks(places) || runs_low(places)) return true;
  if (places.silent_at_ms != 0 && now_ms >= places.silent_at_ms) return true;
  return places.held() != 0 &&
         now_ms - places.asked_at_ms >= link_.places_validity_ms() / reports_in_validity;
}

broker::PlacesReport PlacesKeeper::report_of(Places& places, std::int64_t now_ms) {
  const std::int64_t validity_ms = link_.places_validity_ms();
  broker::PlacesReport report;
  report.key = places.key;
  report.limit = places.limit.load();
  report.sequence = ++table_.header().report_sequence;
  if (!places.is_limited()) return report;
  const bool wants = lacks(places) || runs_low(places);
  places.refill_asked.store(false);
  report.kept = places.held();
  if (wants)
    report.wanted = broker::saturating_sub(places.waiting + places.spare_wanted, places.spare());
  report.gone = places.silent.silent(now_ms, silent_ms(validity_ms));
  if (now_ms >= places.silent_at_ms) places.silent_at_ms = 0;
  report.tell_holders = wants && now_ms >= places.next_watch_ms;
  if (report.tell_holders) places.next_watch_ms = now_ms + validity_ms / watches_in_validity;
  return report;
}

void PlacesKeeper::serve() {
  if (calling_) return;
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<Places*> asked;
  std::vector<broker::PlacesReport> reports;
  std::erase_if(active_, [&](Places* each) {
    Places& places = *each;
    if (places.is_limited()) trim(places, now_ms);
    if (is_at_rest(places)) return std::exchange(places.active, false);
    if (!is_due(places, now_ms)) return false;
    reports.push_back(report_of(places, now_ms));
    asked.push_back(&places);
    places.asking = true;
    places.must_report = false;
    places.asked_at_ms = now_ms;
    return false;
  });
  if (asked.empty()) return;
  calling_ = true;
  link_.exchange_places(incarnation_, reports,
                        [self = std::weak_ptr(self_), asked, reports](const auto& answers) {
                          if (const auto keeper = self.lock())
                            (*keeper)->take_answers(asked, reports, answers);
                        });
  calling_ = false;
}

void PlacesKeeper::take_answers(const std::vector<Places*>& asked,
                                const std::vector<broker::PlacesReport>& reports,
                                const broker::Result<std::vector<broker::PlacesAnswer>>& answers) {
  const std::int64_t now_ms = clock_.steady_ms();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Places& places = *asked[i];
    places.asking = false;
    if (answers) {
      take_answer(places, reports[i], answers.value()[i]);
    } else {
      places.must_report = true;
      places.ask_at_ms = now_ms + retry_ms;
    }
  }
  if (calling_) return;
  look_again_();
  serve();
}

void PlacesKeeper::take_answer(Places& places, const broker::PlacesReport& report,
                               const broker::PlacesAnswer& answer) {
  const std::int64_t now_ms = clock_.steady_ms();
  places.known_held = answer.held;
  places.lapsed = false;
  places.valid_until_ms = places.asked_at_ms + link_.places_validity_ms();
  places.silent.forget(report.gone);
  // Granted under another limit: not taken, and given back by the next report.
  if (report.limit != places.limit.load()) places.must_report = places.is_limited();
  if (report.limit != places.limit.load() || !places.is_limited()) return;
  if (answer.learning) {
    if (places.waiting != 0) places.ask_at_ms = now_ms + retry_ms;
    return;
  }
  const std::uint64_t all = answer.held + answer.held_by_others;
  const std::uint64_t remaining = broker::saturating_sub(report.limit, all);
  places.spare_wanted =
      now_ms < places.sparse_until_ms ? 0 : broker::spare_places(remaining, answer.holders);
  places.pass_on(places.spare_wanted == 0);
  places.add(narrow(broker::saturating_sub(answer.held, report.kept)));
  // The limit is lower than when the spare ones were granted, here or on another relay.
  if (all > report.limit) places.hold_live();
  places.low_water.store(narrow((places.spare_wanted + 1) / 2));
  if (report.tell_holders) {
    places.silent.saw(answer.others, now_ms);
    if (places.silent_at_ms == 0 && !places.silent.empty())
      places.silent_at_ms = now_ms + silent_ms(link_.places_validity_ms());
  }
  look_for_more(places, report, answer);
}

/// What of the allocations that the answer does not suffice for.
void PlacesKeeper::look_for_more(Places& places, const broker::PlacesReport& report,
                                 const broker::PlacesAnswer& answer) {
  const std::int64_t now_ms = clock_.steady_ms();
  // It was no answer to those that have begun to wait since.
  if (places.waiting <= places.spare() || report.wanted == 0) return;
  places.ask_at_ms = now_ms + ask_again_ms;
  if (places.lacking_since_ms == 0) places.lacking_since_ms = now_ms;
  const std::int64_t recalled_for_ms = now_ms - places.recalled_at_ms;
  // What others give back may be on its way, with a recall or without one.
  const bool may_come =
      answer.held_by_others != 0 &&
      (recalled_for_ms < recall_wait_ms || now_ms - places.lacking_since_ms < passing_on_ms);
  if (recalled_for_ms < recall_again_ms || answer.held_by_others == 0) {
    places.refuse = !may_come;
    if (!may_come) places.lacking_since_ms = 0;
    return;
  }
  places.recalled_at_ms = now_ms;
  link_.recall_places(places.key);
}

void PlacesKeeper::give_back(const broker::PlacesKey& key) {
  Places* places = book_.find(key);
  if (places == nullptr || !places->is_limited()) return;
  places->recalled_at_ms = clock_.steady_ms();
  places->sparse_until_ms = places->recalled_at_ms + sparse_ms;
  places->spare_wanted = 0;
  places->low_water.store(0);
  places->pass_on(true);
  serve();
}

void PlacesKeeper::report_all() {
  for (Places* places : active_) {
    places->must_report = places->must_report || places->is_limited();
    places->ask_at_ms = 0;
  }
  serve();
}

bool PlacesKeeper::check_validity() {
  const std::int64_t now_ms = clock_.steady_ms();
  bool any = false;
  for (Places* each : active_) {
    Places& places = *each;
    if (!places.is_limited() || places.held() == 0 || now_ms < places.valid_until_ms) continue;
    places.lapsed = true;
    places.pass_on(true);
    places.hold_live();
    places.spare_wanted = 0;
    places.low_water.store(0);
    any = any || places.live() != 0;
  }
  return any;
}

}  // namespace plugin
