#include "metrics/metrics_text.h"

#include <algorithm>

#include "metrics/exposition.h"

namespace plugin {

namespace {

using Type = Exposition::Type;
using broker::to_string;

constexpr std::array<std::string_view, 2> directions{"client_to_peer", "peer_to_client"};

void add_process(Exposition& out, const MetricsView& view) {
  out.family("turnbroker_build_info", Type::gauge, "The version that runs; always 1.");
  out.sample({{"version", view.version}}, true);
  out.family("turnbroker_start_time_seconds", Type::gauge, "When the process was started.");
  out.sample({}, static_cast<double>(view.started_s));
  out.family("turnbroker_config_last_reload_successful", Type::gauge,
             "1, or 0 while the configuration file has a mistake and the one before is in use.");
  out.sample({}, view.config_good);
  out.family("turnbroker_config_last_reload_success_timestamp_seconds", Type::gauge,
             "When the configuration in use was read.");
  out.sample({}, static_cast<double>(view.config_loaded_s));
  out.family("turnbroker_draining", Type::gauge,
             "1 while calls run out and no new ones are taken.");
  out.sample({}, view.draining);
  out.family("turnbroker_accounts", Type::gauge,
             "Accounts that this relay holds, those of single clients included.");
  out.sample({}, view.accounts);
  out.family("turnbroker_quotas_omitted", Type::gauge,
             "Quotas that are left out here, because there are too many.");
  out.sample({}, view.quotas_omitted);
}

void add_quotas(Exposition& out, const MetricsView& view) {
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, Type::gauge, help);
    for (const QuotaMetrics& of : view.quotas)
      out.sample({{"csp", of.quota.first}, {"media", to_string(of.quota.second)}}, value(of));
  };
  using Quota = const QuotaMetrics&;
  each("turnbroker_quota_limit_bytes", "The volume of the current period.",
       [](Quota of) { return of.limit_octets; });
  each("turnbroker_quota_used_bytes",
       "What of it is used, by the whole fleet; of other relays, as far as they have reported.",
       [](Quota of) { return of.used_octets; });
  each("turnbroker_quota_unused_bytes", "The limit less what is used, at least 0.",
       [](Quota of) { return broker::saturating_sub(of.limit_octets, of.used_octets); });
  each("turnbroker_quota_grantable_bytes",
       "What the ledger could still grant to any relay, by its last answer.",
       [](Quota of) { return of.grantable_octets; });
  each("turnbroker_quota_unspent_bytes", "Granted to this relay, and not used yet.",
       [](Quota of) { return of.unspent_octets; });
  each("turnbroker_quota_unspent_by_others_bytes",
       "Granted to other relays and not reported as used, by the ledger's last answer.",
       [](Quota of) { return of.unspent_by_others_octets; });
  each("turnbroker_quota_exhausted", "1 while nobody is let in for want of quota.",
       [](Quota of) { return of.exhausted; });
}

void add_traffic(Exposition& out, const MetricsView& view) {
  const auto both = [&](std::string_view name, std::string_view help, auto amounts) {
    out.family(name, Type::counter, help);
    for (const TrafficMetrics& of : view.traffic)
      for (std::size_t d = 0; d < directions.size(); ++d)
        out.sample({{"csp", of.quota.first},
                    {"media", to_string(of.quota.second)},
                    {"direction", directions.at(d)}},
                   amounts(of.used).at(d));
  };
  both("turnbroker_relayed_bytes_total", "Payload that this process has relayed.",
       [](const broker::UsedTotals& used) { return used.octets; });
  both("turnbroker_relayed_packets_total", "Packets of it.",
       [](const broker::UsedTotals& used) { return used.packets; });
  out.family("turnbroker_allocations", Type::gauge, "Live allocations of this relay.");
  for (const TrafficMetrics& of : view.traffic)
    out.sample({{"csp", of.quota.first}, {"media", to_string(of.quota.second)}}, of.allocations);
  out.family("turnbroker_allocations_max", Type::gauge,
             "How many this relay can have at once, of all quotas together.");
  out.sample({}, view.allocations_max);
  out.family("turnbroker_allocations_closed_total", Type::counter,
             "Allocations that have ended, by the reason that their usage record gives.");
  for (const TrafficMetrics& of : view.traffic)
    for (std::size_t i = 0; i < all_end_reasons.size(); ++i)
      out.sample({{"csp", of.quota.first},
                  {"media", to_string(of.quota.second)},
                  {"reason", to_string(all_end_reasons.at(i))}},
                 of.closed.at(static_cast<std::size_t>(all_end_reasons.at(i))));
  out.family("turnbroker_admissions_refused_total", Type::counter,
             "Allocate requests that the broker has refused.");
  for (std::size_t i = 0; i < RefusalCounts::reasons.size(); ++i)
    out.sample({{"reason", RefusalCounts::reasons.at(i).second}}, view.refused.at(i));
}

void add_fleet_parts(Exposition& out, const std::vector<FleetPart>& parts) {
  if (parts.empty()) return;
  out.family("turnbroker_fleet_working", Type::gauge,
             "1 while the relay can do this part of its work in the fleet.");
  for (const FleetPart& part : parts) out.sample({{"part", part.name}}, part.problem.empty());
}

void add_ledger(Exposition& out, const LedgerMetrics& ledger) {
  out.family("turnbroker_ledger_reachable", Type::gauge, "1 while the ledger answers.");
  out.sample({}, ledger.reachable);
  out.family("turnbroker_ledger_learning", Type::gauge,
             "1 while the ledger may have forgotten grants and gives no new ones.");
  out.sample({}, ledger.learning);
  if (ledger.contact_age_s) {
    out.family("turnbroker_ledger_contact_age_seconds", Type::gauge,
               "Since the ledger's last answer was asked for.");
    out.sample({}, *ledger.contact_age_s);
  }
  if (ledger.valid_s) {
    out.family("turnbroker_ledger_grants_valid_seconds", Type::gauge,
               "For how long grants may be spent without another answer; 0: no more.");
    out.sample({}, std::max(*ledger.valid_s, 0.0));
  }
  const ExchangeMeter::Counts& counts = ledger.exchanges;
  out.family("turnbroker_ledger_exchanges_total", Type::counter,
             "Calls that report to the ledger and ask it for grants.");
  out.sample({}, counts.asked);
  out.family("turnbroker_ledger_exchange_failures_total", Type::counter,
             "Those that were answered with an error, or not in time.");
  out.sample({}, counts.failed);
  out.family("turnbroker_ledger_exchange_duration_seconds", Type::histogram,
             "How long they took, failed ones included.");
  for (std::size_t i = 0; i < ExchangeMeter::bounds_s.size(); ++i)
    out.part("_bucket", {{"le", exposition_number(ExchangeMeter::bounds_s.at(i))}},
             counts.within.at(i));
  out.part("_bucket", {{"le", "+Inf"}}, counts.answered);
  out.part("_sum", {}, counts.duration_s);
  out.part("_count", {}, counts.answered);
}

void add_records(Exposition& out, const RecordMetrics& records) {
  out.family("turnbroker_records_written_total", Type::counter, "Usage records, in the file.");
  out.sample({}, records.written);
  out.family("turnbroker_records_lost_total", Type::counter,
             "Usage records that could not be written for so long that they were dropped.");
  out.sample({}, records.lost);
  out.family("turnbroker_records_pending", Type::gauge, "Usage records that wait for the file.");
  out.sample({}, records.pending);
  if (!records.stream_backlog_octets) return;
  out.family("turnbroker_records_stream_backlog_bytes", Type::gauge,
             "Usage records of the files that the stream in Redis does not have yet.");
  out.sample({}, *records.stream_backlog_octets);
}

void add_relays(Exposition& out, const std::vector<RelayView>& relays) {
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    out.family(name, Type::gauge, help);
    for (const RelayView& relay : relays) out.sample({{"relay", relay.status.id}}, value(relay));
  };
  using Relay = const RelayView&;
  out.family("turnbroker_relay_info", Type::gauge,
             "A relay of the fleet, as this one knows it; always 1.");
  for (const RelayView& relay : relays)
    out.sample({{"relay", relay.status.id},
                {"domain", relay.status.domain},
                {"region", relay.status.region},
                {"version", relay.status.version}},
               true);
  each("turnbroker_relay_up", "1, or 0 when it was silent for so long that it counts as gone.",
       [](Relay relay) { return relay.up; });
  each("turnbroker_relay_healthy", "1 when it says that it can take calls.",
       [](Relay relay) { return relay.status.healthy; });
  each("turnbroker_relay_draining", "1 while its calls run out and it takes no new ones.",
       [](Relay relay) { return relay.status.draining; });
  each("turnbroker_relay_heartbeat_age_seconds", "Since it was last heard of.",
       [](Relay relay) { return static_cast<double>(relay.age_ms) / 1'000; });
  each("turnbroker_relay_allocations", "Its live allocations.",
       [](Relay relay) { return relay.status.allocations; });
  out.family("turnbroker_relay_allocations_max", Type::gauge, "How many it can have at once.");
  for (const RelayView& relay : relays)
    if (relay.status.allocations_max)
      out.sample({{"relay", relay.status.id}}, *relay.status.allocations_max);
  out.family("turnbroker_relay_capacity_bytes_per_second", Type::gauge,
             "What it is said to carry, both directions together.");
  for (const RelayView& relay : relays)
    if (relay.status.capacity)
      out.sample({{"relay", relay.status.id}},
                 static_cast<double>(relay.status.capacity->bits_per_s) / 8);
  out.family("turnbroker_relay_rate_bytes_per_second", Type::gauge,
             "Payload that it relays, in the mean of the second before its last heartbeat.");
  for (const RelayView& relay : relays)
    for (std::size_t d = 0; d < directions.size(); ++d)
      out.sample({{"relay", relay.status.id}, {"direction", directions.at(d)}},
                 relay.status.octets_per_s.at(d));
  each("turnbroker_relay_cpu_ratio", "Of all cores that it may use, 0 to 1.",
       [](Relay relay) { return relay.status.cpu; });
  each("turnbroker_relay_dropped_packets_per_second", "Packets that its sockets had no room for.",
       [](Relay relay) { return relay.status.dropped_packets_per_s; });
}

}  // namespace

std::string metrics_text(const MetricsView& view) {
  Exposition out;
  add_process(out, view);
  add_quotas(out, view);
  add_traffic(out, view);
  add_ledger(out, view.ledger);
  add_fleet_parts(out, view.fleet_parts);
  add_records(out, view.records);
  add_relays(out, view.relays);
  return out.text();
}

}  // namespace plugin
