#include "report.h"

#include <algorithm>

namespace fleet_bench {

namespace {

using nlohmann::json;

/// Beyond it relays were visited so late that what they cost is not what relays cost.
constexpr double lag_p99_ms_max = 200;

double us(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }
double d(std::uint64_t value) { return static_cast<double>(value); }

struct Window {
  double seconds;
  double relayed_octets;
  [[nodiscard]] double gigabytes() const { return relayed_octets / 1e9; }
};

json by_kind(const Sample& before, const Sample& after, const Window& window, Sent& sum) {
  json kinds = json::object();
  for (const auto& [kind, now] : after.sent) {
    Sent more = now;
    if (const auto was = before.sent.find(kind); was != before.sent.end()) {
      more.commands -= was->second.commands;
      more.octets -= was->second.octets;
    }
    if (more.commands == 0 || kind == "info") continue;
    sum.commands += more.commands;
    sum.octets += more.octets;
    kinds[kind] = {{"per_s", d(more.commands) / window.seconds},
                   {"per_gb", d(more.commands) / window.gigabytes()},
                   {"octets_each", d(more.octets) / d(more.commands)}};
  }
  return kinds;
}

json in_server(const Sample& before, const Sample& after, const Window& window) {
  json calls = json::object();
  for (const auto& [name, now] : after.server.by_command) {
    ServerState::Calls more = now;
    if (const auto was = before.server.by_command.find(name);
        was != before.server.by_command.end()) {
      more.calls -= was->second.calls;
      more.usec -= was->second.usec;
    }
    if (more.calls == 0) continue;
    calls[name] = {{"per_s", d(more.calls) / window.seconds},
                   {"cpu", d(more.usec) / 1e6 / window.seconds}};
  }
  return calls;
}

json asked(const Measured& before, const Measured& after, double seconds) {
  const auto rate = [&](std::uint64_t Measured::*what) {
    return d(after.*what - before.*what) / seconds;
  };
  return {{"exchanges_per_s", rate(&Measured::exchanges)},
          {"first_grants_per_s", rate(&Measured::first_grants)},
          {"refills_per_s", rate(&Measured::refills)},
          {"plain_reports_per_s", rate(&Measured::plain_reports)},
          {"releases_per_s", rate(&Measured::releases)},
          {"rosters_per_s", rate(&Measured::rosters)}};
}

/// Why the figures would be wrong on any machine.
std::string problem_of(const Measured& at_end, std::uint64_t failures,
                       std::optional<std::uint64_t> ledger_octets) {
  if (failures != 0) return std::to_string(failures) + " exchanges failed";
  if (!ledger_octets) return "the ledger did not tell what it knows";
  if (*ledger_octets != at_end.relayed_octets)
    return "the ledger knows of " + std::to_string(*ledger_octets) + " octets, relayed were " +
           std::to_string(at_end.relayed_octets);
  return "";
}

}  // namespace

json report(const Options& options, const Sample& before, const Sample& after,
            const Measured& at_end, std::optional<std::uint64_t> ledger_octets,
            std::uint64_t errors) {
  const Measured& a = before.measured;
  const Measured& b = after.measured;
  const Window window{d(after.server.at_us - before.server.at_us) / 1e6,
                      d(b.relayed_octets - a.relayed_octets)};
  Sent sent;
  const json kinds = by_kind(before, after, window, sent);
  const double redis_cpu = (after.server.main_cpu_s - before.server.main_cpu_s) / window.seconds;
  const double network = d(after.server.received_octets - before.server.received_octets) +
                         d(after.server.sent_octets - before.server.sent_octets);
  const double tbit_s = window.relayed_octets * 8 / window.seconds / 1e12;
  const double lag_p99_ms = us(b.lag_ns.quantile_ns(0.99)) / 1e3;
  return {
      {"relays", options.relays},
      {"accounts", options.accounts},
      {"relay_bit_s", options.relay_bit_s},
      {"seconds", window.seconds},
      {"live_calls", b.live_calls},
      {"calls_per_s", d(b.calls_opened - a.calls_opened) / window.seconds},
      {"waits_for_credit_per_s", d(b.waits_for_credit - a.waits_for_credit) / window.seconds},
      {"relayed_tbit_s", tbit_s},
      {"operations_per_s", d(sent.commands) / window.seconds},
      {"operations_per_gb", d(sent.commands) / window.gigabytes()},
      {"mb_per_operation", window.relayed_octets / 1e6 / std::max(d(sent.commands), 1.0)},
      {"operations", kinds},
      {"redis_octets_per_gb", network / window.gigabytes()},
      {"redis_cpu", redis_cpu},
      {"redis_children_cpu",
       (after.server.children_cpu_s - before.server.children_cpu_s) / window.seconds},
      {"redis_memory_octets", after.server.memory_octets},
      {"redis_commands", in_server(before, after, window)},
      {"tbit_s_per_redis_core", tbit_s / redis_cpu},
      {"asked", asked(a, b, window.seconds)},
      {"exchange_us_p50", us(b.exchange_ns.quantile_ns(0.5))},
      {"exchange_us_p99", us(b.exchange_ns.quantile_ns(0.99))},
      {"grant_us_p50", us(b.grant_ns.quantile_ns(0.5))},
      {"grant_us_p99", us(b.grant_ns.quantile_ns(0.99))},
      {"simulator_cpu", (after.cpu_s - before.cpu_s) / window.seconds},
      {"simulator_lag_ms_p99", lag_p99_ms},
      {"late", lag_p99_ms > lag_p99_ms_max},
      {"simulator_lag_ms_max", us(b.lag_ns.quantile_ns(1)) / 1e3},
      {"log_errors", errors},
      {"relayed_octets_total", at_end.relayed_octets},
      {"ledger_octets_total", ledger_octets.value_or(0)},
      {"problem", problem_of(at_end, b.failures - a.failures, ledger_octets)},
  };
}

}  // namespace fleet_bench
