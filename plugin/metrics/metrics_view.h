// What GET /metrics tells, as values: of quotas, of this relay, of its ledger and of the fleet it knows.
// Nothing in it names a client, an address or an allocation.
// Owner: value. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/account.h"
#include "ctl/fleet_status.h"
#include "metrics/exchange_meter.h"
#include "metrics/refusal_counts.h"
#include "metrics/tally.h"

namespace plugin {

/// A quota of the configuration in its current period.
struct QuotaMetrics {
  QuotaName quota;
  std::uint64_t limit_octets = 0;
  std::uint64_t used_octets = 0;       ///< charged, of the whole fleet
  std::uint64_t grantable_octets = 0;  ///< by the ledger's last answer
  std::uint64_t unspent_octets = 0;    ///< granted to this relay
  std::uint64_t unspent_by_others_octets = 0;
  bool exhausted = false;
};

/// What this process has done for a quota since it was started.
struct TrafficMetrics {
  QuotaName quota;
  broker::UsedTotals used;
  std::uint64_t allocations = 0;  ///< live
  Tally::ByReason closed{};
};

struct LedgerMetrics {
  bool reachable = true;
  bool learning = false;
  std::optional<double> contact_age_s;  ///< nullopt: the ledger is a file, or was never reached
  std::optional<double> valid_s;        ///< of grants, from now; nullopt: they do not end
  ExchangeMeter::Counts exchanges;
};

/// Of what a relay does all the time in a fleet.
struct FleetPart {
  std::string name;     ///< "heartbeat"
  std::string problem;  ///< empty: it works
};

struct RecordMetrics {
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
  std::uint64_t pending = 0;
  std::optional<std::uint64_t> stream_backlog_octets;  ///< nullopt: there is no stream
};

struct MetricsView {
  /// Quotas beyond these are left out, and counted in `quotas_omitted`.
  static constexpr std::size_t quotas_max = 5'000;

  std::string version;
  std::int64_t started_s = 0;
  std::int64_t config_loaded_s = 0;
  bool config_good = true;  ///< the last reload was not refused
  bool draining = false;
  std::uint64_t accounts = 0;
  std::uint64_t allocations_max = 0;
  std::vector<QuotaMetrics> quotas;     ///< each once
  std::vector<TrafficMetrics> traffic;  ///< each once
  std::uint64_t quotas_omitted = 0;
  std::array<std::uint64_t, RefusalCounts::reasons.size()> refused{};
  LedgerMetrics ledger;
  std::vector<FleetPart> fleet_parts;  ///< empty: there is no fleet
  RecordMetrics records;
  std::vector<RelayView> relays;  ///< each once
};

}  // namespace plugin
