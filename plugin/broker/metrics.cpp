// What the broker tells of itself and of its fleet in numbers (broker.h).
#include <algorithm>
#include <map>

#include "broker/broker.h"
#include "broker/relay_selection.h"
#include "version.h"

namespace plugin {

namespace {

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1'000; }

QuotaMetrics quota_metrics(const Account& account, const Settler::Totals& totals) {
  QuotaMetrics out;
  out.quota = {account.key.csp, account.key.media};
  out.limit_octets = account.limit_octets.load();
  out.used_octets = totals.charged_octets + account.others_charged_octets;
  out.grantable_octets = account.remaining_octets;
  out.unspent_octets = broker::saturating_sub(account.granted_octets, totals.charged_octets);
  out.unspent_by_others_octets = account.unspent_by_others_octets;
  const Stage stage = account.stage.load();
  out.exhausted = stage == Stage::exhausted || stage == Stage::closed;
  return out;
}

}  // namespace

std::vector<RelayView> Broker::known_relays() const {
  const auto fleet = fleet_.get();
  std::vector<RelayView> relays;
  const std::int64_t age_ms = clock_.unix_ms() - fleet->self.heartbeat_ms;
  relays.push_back({fleet->self, std::max<std::int64_t>(age_ms, 0), true, true});
  for (const KnownRelay& known : fleet->others) {
    const std::int64_t silent_ms = clock_.steady_ms() - known.heard_ms;
    relays.push_back({known.status, silent_ms, silent_ms < broker::relay_stale_ms, false});
  }
  std::ranges::sort(relays, {}, [](const RelayView& relay) { return relay.status.id; });
  return relays;
}

void Broker::add_quotas(MetricsView& view) {
  // Two periods of a quota stand side by side after the wall clock was set back: one is of now.
  std::map<QuotaName, QuotaMetrics> quotas;
  std::map<QuotaName, TrafficMetrics> traffic;
  const auto now = now_s();
  book_->for_each([&](const Account& account) {
    if (!account.key.client.empty()) return;
    const QuotaName name{account.key.csp, account.key.media};
    const Settler::Totals& totals = settler_->totals()[account.slot];
    TrafficMetrics& sums = traffic[name];
    sums.used += totals.used;
    sums.allocations += account.live.load();
    if (account.stage.load() == Stage::over || quota_of(account.key) == nullptr ||
        now < account.period.start_s || now >= account.period.end_s)
      return;
    quotas.insert_or_assign(name, quota_metrics(account, totals));
  });
  for (const auto& [name, gone] : book_->retired())
    traffic[name].used += {{gone.octets[0], gone.octets[1]}, {gone.packets[0], gone.packets[1]}};
  for (const auto& [name, closed] : tally_.closed()) traffic[name].closed = closed;

  for (auto& [name, quota] : quotas) {
    if (view.quotas.size() >= MetricsView::quotas_max) break;
    view.quotas.push_back(std::move(quota));
  }
  for (auto& [name, sums] : traffic) {
    sums.quota = name;
    sums.used = tally_.shown(name, sums.used);
    if (view.traffic.size() < MetricsView::quotas_max) view.traffic.push_back(std::move(sums));
  }
  view.quotas_omitted = traffic.size() - view.traffic.size();
}

LedgerMetrics Broker::ledger_metrics() const {
  LedgerMetrics out;
  out.reachable = settler_->store_error().empty();
  out.learning = settler_->is_learning();
  out.exchanges = exchanges_.counts();
  if (redis_ == nullptr) return out;
  const std::int64_t now_ms = clock_.steady_ms();
  if (const std::int64_t contact_ms = redis_->last_contact_ms();
      contact_ms != redis::no_contact_ms) {
    out.contact_age_s = seconds(now_ms - contact_ms);
    out.valid_s = seconds(link_->valid_until_ms() - now_ms);
  }
  return out;
}

MetricsView Broker::metrics() {
  settler_->collect();
  MetricsView view;
  view.version = version;
  view.started_s = started_s_;
  view.config_loaded_s = config_loaded_s_;
  view.config_good = config_error_.empty();
  view.draining = drain_.active();
  view.accounts = book_->size();
  view.allocations_max = table_->header().allocations_max;
  add_quotas(view);
  view.refused = relay_side_->refusals().counts();
  view.ledger = ledger_metrics();
  view.fleet_parts = fleet_parts();
  view.records = {records_->written(), records_->lost(), records_->pending(), std::nullopt};
  if (record_stream_ != nullptr)
    view.records.stream_backlog_octets = record_stream_->backlog_octets();
  view.relays = known_relays();
  return view;
}

}  // namespace plugin
