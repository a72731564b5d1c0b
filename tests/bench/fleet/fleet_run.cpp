#include "fleet_run.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bench_directory.h"
#include "bench_host.h"
#include "bench_redis.h"
#include "http/handles.h"
#include "learned_store.h"
#include "process_cpu.h"
#include "redis_probe.h"
#include "report.h"
#include "sim_relay.h"
#include "support/socket_setup.h"
#include "wire_tap.h"

namespace fleet_bench {

namespace {

using std::chrono::steady_clock;

constexpr std::int64_t timer_us = 1'000;
/// Between looks at the network. A time and no number: a kernel's timers may be 4 ms apart.
constexpr std::int64_t visits_us_max = 2'000;
/// A simulator that is later than this begins its timetable anew.
constexpr std::int64_t lag_us_max = 500'000;
constexpr std::int64_t join_us = 15'000;  ///< from one relay to the next
constexpr std::int64_t join_timeout_us = 120'000'000;
/// Relays that end at once: the server has to answer each in time.
constexpr std::size_t ending_max = 16;
constexpr std::int64_t end_timeout_ms = 120'000;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             steady_clock::now().time_since_epoch())
      .count();
}

broker::RedisConfig config_of(const BenchRedis& redis, const Options& options) {
  broker::RedisConfig config = redis.config();
  config.report_interval_ms = static_cast<std::int64_t>(options.report_interval_s * 1'000);
  return config;
}

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options),
        mix_(options.relay_bit_s, options.accounts),
        redis_config_(config_of(redis_, options)),
        place_{base_.get(),
               clock_,
               host_.host(),
               redis_config_,
               mix_,
               measured_,
               directory_.path().string(),
               static_cast<std::int64_t>(options.spread_s * 1'000),
               options.without} {}
  ~Run() {
    relays_.clear();
    probe_.reset();
    event_base_loop(base_.get(), EVLOOP_NONBLOCK);  // what libevent puts off until it runs again
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  nlohmann::json run() {
    learn(base_.get(), clock_, host_.host(), redis_config_);
    make_probe();
    std::cerr << "fleet-bench: " << options_.relays << " relays, " << options_.accounts
              << " accounts, " << options_.relay_bit_s / 1e9 << " Gbit/s each\n";
    began_us_ = now_us();
    if (!loop_until(began_us_ + join_timeout_us, [&] { return all_run(); }))
      throw std::runtime_error("not all relays could begin");
    go_on_for(options_.warmup_s);
    const Sample before = sample();
    measured_.on = true;
    go_on_for(options_.seconds);
    measured_.on = false;
    const Sample after = sample();
    std::cerr << "fleet-bench: measured; the relays end\n";
    end_relays();
    return report(options_, before, after, measured_, known_octets(), host_.errors());
  }

 private:
  void make_probe() {
    auto probe = plugin::redis::Client::start(base_.get(), redis_config_, clock_, host_.host());
    if (!probe) throw std::runtime_error(probe.error().message);
    probe_ = std::move(probe).value();
  }

  /// Until `done()` or the deadline; the relays live meanwhile.
  template <typename Done>
  bool loop_until(std::int64_t deadline_us, Done done) {
    const auto fire = [](evutil_socket_t, short, void* self) { static_cast<Run*>(self)->visit(); };
    const plugin::http::EventHandle timer(event_new(base_.get(), -1, EV_PERSIST, fire, this));
    const timeval interval{0, timer_us};
    event_add(timer.get(), &interval);
    while (!done() && now_us() < deadline_us) event_base_loop(base_.get(), EVLOOP_ONCE);
    return done();
  }

  void go_on_for(double seconds) {
    loop_until(now_us() + static_cast<std::int64_t>(seconds * 1e6), [] { return false; });
  }

  /// Relays take turns: visit v is of relay v modulo the fleet's size, so that all are spread evenly.
  void visit() {
    const auto relays = static_cast<std::int64_t>(options_.relays);
    const std::int64_t period_us = 1'000'000 / static_cast<std::int64_t>(SimRelay::visits_per_s);
    const std::int64_t until_us = now_us() + visits_us_max;
    while (visiting_) {
      const std::int64_t due_us = began_us_ + next_visit_ * period_us / relays;
      const std::int64_t at_us = now_us();
      if (due_us > at_us || at_us > until_us) return;
      if (measured_.on) measured_.lag_ns.add((at_us - due_us) * 1'000);
      // As a timer that is late: what was missed is not made up for.
      if (at_us - due_us > lag_us_max) began_us_ += at_us - due_us;
      const auto number = static_cast<std::size_t>(next_visit_ % relays);
      const auto part = static_cast<std::size_t>(next_visit_ / relays) % SimRelay::visits_per_s;
      ++next_visit_;
      join(at_us);
      if (number >= relays_.size()) continue;
      relays_[number]->visit(at_us / 1'000, part);
    }
  }

  void join(std::int64_t at_us) {
    if (relays_.size() == options_.relays || at_us < next_join_us_) return;
    next_join_us_ = at_us + join_us;
    relays_.push_back(std::make_unique<SimRelay>(place_, relays_.size(), options_.seed));
  }

  [[nodiscard]] bool all_run() const {
    return relays_.size() == options_.relays &&
           std::all_of(relays_.begin(), relays_.end(),
                       [](const auto& relay) { return relay->is_running(); });
  }

  Sample sample() {
    std::optional<ServerState> state;
    bool answered = false;
    ask_state(*probe_, [&](const ServerState* told) {
      answered = true;
      if (told != nullptr) state = *told;
    });
    loop_until(now_us() + end_timeout_ms * 1'000, [&] { return answered; });
    if (!state) throw std::runtime_error("the server does not tell its state");
    return {*state, measured_, sent_by_kind(), process_cpu_s()};
  }

  void end_relays() {
    visiting_ = false;
    std::size_t begun = 0;
    std::size_t ended = 0;
    std::string problem;
    const std::int64_t deadline_us = now_us() + end_timeout_ms * 1'000;
    const bool all = loop_until(deadline_us, [&] {
      while (begun < relays_.size() && begun - ended < ending_max)
        relays_[begun++]->finish([&](const broker::Status& status) {
          ++ended;
          if (!status) problem = status.error().message;
        });
      return ended == relays_.size();
    });
    if (!all) problem = "not all relays could end";
    if (!problem.empty()) std::cerr << "fleet-bench: at the end: " << problem << '\n';
  }

  /// What the ledger has counted of all accounts; nothing when it does not tell.
  std::optional<std::uint64_t> known_octets() {
    std::optional<std::uint64_t> octets;
    bool answered = false;
    relays_.front()->ask_usage([&](const auto& accounts) {
      answered = true;
      if (!accounts) return;
      octets = 0;
      for (const auto& account : accounts.value())
        *octets += account.used.octets[0] + account.used.octets[1];
    });
    loop_until(now_us() + end_timeout_ms * 1'000, [&] { return answered; });
    return octets;
  }

  const Options& options_;
  const TrafficMix mix_;
  BenchRedis redis_;
  const broker::RedisConfig redis_config_;
  const plugin::Clock clock_;
  BenchHost host_;
  Measured measured_;
  BenchDirectory directory_;
  plugin::http::EventBaseHandle base_{event_base_new()};
  const Place place_;
  std::unique_ptr<plugin::redis::Client> probe_;
  std::vector<std::unique_ptr<SimRelay>> relays_;
  std::int64_t began_us_ = 0;
  std::int64_t next_visit_ = 0;
  std::int64_t next_join_us_ = 0;
  bool visiting_ = true;
};

}  // namespace

nlohmann::json run_fleet(const Options& options) {
  // Each relay has two connections and a file.
  constexpr std::size_t descriptors_of_relay = 3;
  constexpr std::size_t descriptors_of_bench = 256;
  if (!turntest::raise_descriptor_limit(options.relays * descriptors_of_relay +
                                        descriptors_of_bench))
    throw std::runtime_error("not enough file descriptors for " + std::to_string(options.relays) +
                             " relays; see ulimit -n");
  ::signal(SIGPIPE, SIG_IGN);
  return Run(options).run();
}

}  // namespace fleet_bench
