#include "saturation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bench_host.h"
#include "bench_redis.h"
#include "http/handles.h"
#include "learned_store.h"
#include "ledger/redis_ledger.h"
#include "load/histogram.h"
#include "process_cpu.h"
#include "redis_probe.h"
#include "traffic_mix.h"

namespace fleet_bench {

namespace {

using std::chrono::steady_clock;
namespace keys = plugin::ledger_keys;

constexpr std::size_t connections = 16;
constexpr std::size_t pipelined = 8;  ///< exchanges on a connection at once
constexpr std::size_t relays = 64;
/// One report of so many asks for credit, as most do not in life.
constexpr std::uint64_t asks_every = 8;
constexpr std::uint64_t limit_octets = 8'000'000'000'000'000;
constexpr std::uint64_t grant_octets = 64'000'000;
constexpr std::int64_t timer_us = 1'000;

struct Counts {
  std::uint64_t exchanges = 0;
  std::uint64_t failures = 0;
};

class Saturation {
 public:
  explicit Saturation(const Options& options)
      : options_(options), random_(options.seed), redis_config_(redis_.config()) {
    const TrafficMix mix(1e9, options.accounts);
    for (std::size_t csp = 0; csp < mix.csps(); ++csp)
      for (const auto media :
           {broker::MediaType::audio, broker::MediaType::video, broker::MediaType::data}) {
        const broker::AccountKey key{"csp-" + std::to_string(csp), media, 0, ""};
        shards_.at(keys::shard_of(key)).push_back(key);
      }
    learn(base_.get(), clock_, host_.host(), redis_config_);
    for (std::size_t i = 0; i < connections; ++i) connect();
  }

  ~Saturation() {
    ledgers_.clear();
    clients_.clear();
    event_base_loop(base_.get(), EVLOOP_NONBLOCK);  // what libevent puts off until it runs again
  }
  Saturation(const Saturation&) = delete;
  Saturation& operator=(const Saturation&) = delete;

  nlohmann::json run() {
    for (std::size_t i = 0; i < ledgers_.size() && options_.exchanges_per_s == 0; ++i)
      for (std::size_t n = 0; n < pipelined; ++n) send(i, true);
    go_on_for(options_.warmup_s);
    const ServerState before = state();
    const Counts counted = counts_;
    const double cpu_before_s = process_cpu_s();
    measuring_ = true;
    go_on_for(options_.seconds);
    measuring_ = false;
    const Counts now = counts_;
    const double cpu_after_s = process_cpu_s();
    const ServerState after = state();
    if (now.failures != 0) throw std::runtime_error("exchanges failed");
    const double seconds = static_cast<double>(after.at_us - before.at_us) / 1e6;
    const double rate = static_cast<double>(now.exchanges - counted.exchanges) / seconds;
    const double redis_cpu = (after.main_cpu_s - before.main_cpu_s) / seconds;
    return {{"reports_per_exchange", options_.reports},
            {"exchanges_per_s", rate},
            {"reports_per_s", rate * static_cast<double>(options_.reports)},
            {"redis_cpu", redis_cpu},
            {"exchanges_per_s_per_core", rate / redis_cpu},
            {"exchange_us_p50", static_cast<double>(latency_ns_.quantile_ns(0.5)) / 1e3},
            {"exchange_us_p99", static_cast<double>(latency_ns_.quantile_ns(0.99)) / 1e3},
            {"client_cpu", (cpu_after_s - cpu_before_s) / seconds}};
  }

 private:
  void connect() {
    auto client = plugin::redis::Client::start(base_.get(), redis_config_, clock_, host_.host());
    if (!client) throw std::runtime_error(client.error().message);
    clients_.push_back(std::move(client).value());
    ledgers_.push_back(
        std::make_unique<plugin::RedisLedger>(*clients_.back(), redis_config_, clock_));
  }

  void go_on_for(double seconds) {
    const auto fire = [](evutil_socket_t, short, void* self) {
      static_cast<Saturation*>(self)->pace();
    };
    const plugin::http::EventHandle timer(event_new(base_.get(), -1, EV_PERSIST, fire, this));
    const timeval interval{0, timer_us};
    event_add(timer.get(), &interval);
    const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
    paced_at_ = steady_clock::now();
    while (steady_clock::now() < end) event_base_loop(base_.get(), EVLOOP_ONCE);
  }

  /// At a given rate, whatever is unanswered.
  void pace() {
    if (options_.exchanges_per_s == 0) return;
    const auto now = steady_clock::now();
    due_ += std::chrono::duration<double>(now - paced_at_).count() * options_.exchanges_per_s;
    paced_at_ = now;
    for (; due_ >= 1; due_ -= 1) send(next_connection_++ % ledgers_.size(), false);
  }

  void send(std::size_t connection, bool again) {
    const auto began = steady_clock::now();
    const broker::Incarnation who{"relay-" + std::to_string(random_() % relays), 1};
    ledgers_[connection]->exchange(
        who, any_reports(), [this, connection, again, began](const auto& grants) {
          ++counts_.exchanges;
          if (!grants && counts_.failures++ == 0)
            std::cerr << "fleet-bench: " << grants.error().message << '\n';
          if (measuring_) latency_ns_.add((steady_clock::now() - began).count());
          if (again && counts_.failures == 0) send(connection, true);
        });
  }

  /// Of one shard, so that they are one script.
  std::vector<broker::UsageReport> any_reports() {
    const auto& accounts = shards_.at(random_() % shards_.size());
    std::vector<broker::UsageReport> reports;
    std::size_t at = random_() % accounts.size();
    while (reports.size() < std::min(options_.reports, accounts.size())) {
      broker::UsageReport report;
      report.account = accounts[at++ % accounts.size()];
      report.limit_octets = limit_octets;
      report.sequence = ++sequence_;
      // Totals that only grow, whoever tells them.
      report.charged_octets = sequence_ * 1'000;
      report.used.octets = {report.charged_octets / 2, report.charged_octets / 2};
      report.used.packets = {sequence_, sequence_};
      report.granted_octets = report.charged_octets + grant_octets / 2;
      report.wanted_octets = sequence_ % asks_every == 0 ? grant_octets : 0;
      reports.push_back(std::move(report));
    }
    return reports;
  }

  ServerState state() {
    std::optional<ServerState> state;
    bool answered = false;
    ask_state(*clients_.front(), [&](const ServerState* told) {
      answered = true;
      if (told != nullptr) state = *told;
    });
    while (!answered) event_base_loop(base_.get(), EVLOOP_ONCE);
    if (!state) throw std::runtime_error("the server does not tell its state");
    return *state;
  }

  const Options& options_;
  Random random_;
  BenchRedis redis_;
  const broker::RedisConfig redis_config_;
  const plugin::Clock clock_;
  BenchHost host_;
  plugin::http::EventBaseHandle base_{event_base_new()};
  std::vector<std::unique_ptr<plugin::redis::Client>> clients_;
  std::vector<std::unique_ptr<plugin::RedisLedger>> ledgers_;
  std::array<std::vector<broker::AccountKey>, keys::shards> shards_;
  std::uint64_t sequence_ = 0;
  Counts counts_;
  bool measuring_ = false;
  turnload::Histogram latency_ns_;
  steady_clock::time_point paced_at_;
  double due_ = 0;
  std::size_t next_connection_ = 0;
};

}  // namespace

nlohmann::json run_saturation(const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);
  return Saturation(options).run();
}

}  // namespace fleet_bench
