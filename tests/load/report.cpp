#include "report.h"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace turnload {
namespace {

double rounded(double value, double per_unit) { return std::round(value * per_unit) / per_unit; }

Json direction_json(const DirectionResult& direction, double seconds) {
  const auto per_second = [&](std::uint64_t count) {
    return seconds > 0 ? std::round(static_cast<double>(count) / seconds) : 0.0;
  };
  const auto sent = static_cast<double>(direction.sent.packets);
  const auto received = static_cast<double>(direction.received.packets);
  return {{"sent_octets", direction.sent.octets},
          {"sent_packets", direction.sent.packets},
          {"received_octets", direction.received.octets},
          {"received_packets", direction.received.packets},
          {"loss", sent > 0 ? 1 - received / sent : 0.0},
          {"received_packets_per_s", per_second(direction.measured.packets)},
          {"received_bits_per_s", per_second(direction.measured.octets * 8)},
          {"latency_us", latency_json(direction.latency)}};
}

void add(DirectionResult& sum, const DirectionResult& direction) {
  sum.sent += direction.sent;
  sum.received += direction.received;
  sum.measured += direction.measured;
  sum.latency.merge(direction.latency);
}

double since(TimePoint start, TimePoint moment) {
  return moment <= start ? 0 : rounded(std::chrono::duration<double>(moment - start).count(), 1e6);
}

void print_lines(const Json& value, int indent) {
  for (const auto& [name, member] : value.items()) {
    std::cout << std::string(static_cast<std::size_t>(indent), ' ') << name << ':';
    if (member.is_object() && !member.empty()) {
      std::cout << '\n';
      print_lines(member, indent + 2);
    } else {
      std::cout << ' ' << (member.is_string() ? member.get<std::string>() : member.dump()) << '\n';
    }
  }
}

}  // namespace

Json latency_json(const Histogram& latency) {
  if (latency.count() == 0) return nullptr;
  const auto us = [](std::int64_t ns) { return rounded(static_cast<double>(ns) / 1000, 10); };
  return {{"p50", us(latency.quantile_ns(0.5))},  {"p90", us(latency.quantile_ns(0.9))},
          {"p99", us(latency.quantile_ns(0.99))}, {"p999", us(latency.quantile_ns(0.999))},
          {"max", us(latency.max_ns())},          {"count", latency.count()}};
}

Json describe(const Options& options) {
  return {{"server", options.server.to_string()},
          {"transport", turntest::to_string(options.transport)},
          {"ipv6", options.ipv6},
          {"allocations", options.allocations},
          {"threads", options.threads}};
}

Json traffic_report(const Options& options, const std::vector<WorkerResult>& results) {
  DirectionResult to_peer, to_client;
  std::size_t opened = 0, alive = 0;
  std::uint64_t foreign = 0, drops = 0;
  ErrorCounts errors;
  double seconds = 0;
  TimePoint start{}, last_data{}, last_end{};
  for (const WorkerResult& result : results) {
    add(to_peer, result.to_peer);
    add(to_client, result.to_client);
    opened += result.opened;
    alive += result.alive;
    foreign += result.foreign_packets;
    drops += result.kernel_drops;
    for (const auto& [name, count] : result.errors) errors[name] += count;
    seconds = std::max(seconds, result.measured_s);
    start = std::max(start, result.start);
    last_data = std::max(last_data, result.last_data);
    last_end = std::max(last_end, result.last_end);
  }
  Json report = describe(options);
  report["mode"] = to_string(options.mode);
  report["direction"] = to_string(options.direction);
  report["payload_octets"] = {options.payload_min_octets, options.payload_max_octets};
  report["rate"] = options.rate;
  report["duration_s"] = rounded(seconds, 1e6);
  report["opened"] = opened;
  report["alive_at_end"] = alive;
  report["received_octets"] = to_peer.received.octets + to_client.received.octets;
  const double packets = static_cast<double>(to_peer.measured.packets + to_client.measured.packets);
  report["received_packets_per_s"] = seconds > 0 ? std::round(packets / seconds) : 0.0;
  report["client_to_peer"] = direction_json(to_peer, seconds);
  report["peer_to_client"] = direction_json(to_client, seconds);
  report["errors"] = errors;
  report["foreign_packets"] = foreign;
  report["own_kernel_drops"] = drops;
  report["last_data_s"] = since(start, last_data);
  report["last_end_s"] = since(start, last_end);
  return report;
}

void print(const Options& options, const Json& report) {
  if (options.json)
    std::cout << report.dump() << std::endl;
  else
    print_lines(report, 0);
}

}  // namespace turnload
