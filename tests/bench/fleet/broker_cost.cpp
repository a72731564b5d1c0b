#include "broker_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <future>
#include <iostream>
#include <memory>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench_host.h"
#include "bench_redis.h"
#include "component/fake_relay.h"
#include "http/handles.h"
#include "learned_store.h"
#include "other_relays.h"
#include "process_cpu.h"
#include "traffic_mix.h"

namespace fleet_bench {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t parts_per_s = 20;
constexpr std::int64_t part_ms = 1'000 / parts_per_s;
constexpr const char* secret = "secret-of-the-benchmark-0123456789";
constexpr std::int64_t now_s = 1'790'000'000;

std::string csp_id(std::size_t csp) { return fmt::format("csp-{:05}", csp); }

std::string config_of(const TrafficMix& mix, std::uint16_t port) {
  std::string text = fmt::format(
      "[broker.store]\nkind = \"redis\"\nurl = \"redis://127.0.0.1:{}/0\"\n"
      "[broker.http]\nlisten = \"127.0.0.1:0\"\n"
      "[relay]\nid = \"measured\"\nurls = [\"turn:relay.example.org:3478?transport=udp\"]\n",
      port);
  for (std::size_t csp = 0; csp < mix.csps(); ++csp) {
    text += fmt::format("[csp.{}]\nsecret = \"{}\"\n", csp_id(csp), secret);
    for (const char* media : {"audio", "video", "data"})
      text += fmt::format("[csp.{}.quota.{}]\nvolume = \"8000 TB\"\nperiod = \"total\"\n",
                          csp_id(csp), media);
  }
  return text;
}

/// The calls of one relay, on its one relay thread.
class Calls {
 public:
  Calls(testing::RunningBroker& running, const TrafficMix& mix, std::uint64_t seed)
      : relay_(running.broker(), running.host, 0), mix_(mix), random_(seed) {
    for (std::size_t i = 0; i < call_classes.size(); ++i)
      for (auto count = mix_.any_live_count(i, random_); count != 0; --count)
        at_start_.push_back({i, TrafficMix::any_rest_s(i, random_)});
    std::shuffle(at_start_.begin(), at_start_.end(), random_);
    next_arrival_ms_ = now_ms();
  }
  ~Calls() {
    for (auto& calls : calls_)
      for (Call& call : calls) relay_.close(call.allocation, TURN_CLOSE_RELEASED);
  }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  /// In the first spread_s the calls begin that are there at the start.
  void go_on_for(double seconds, double spread_s) {
    const std::int64_t begin_ms = now_ms();
    const auto end_ms = begin_ms + static_cast<std::int64_t>(seconds * 1e3);
    const std::size_t all = at_start_.size();
    for (std::int64_t due_ms = begin_ms; due_ms < end_ms; due_ms += part_ms) {
      if (const std::int64_t early_ms = due_ms - now_ms(); early_ms > 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(early_ms));
      const double elapsed_s = static_cast<double>(now_ms() - begin_ms) / 1e3;
      while (!at_start_.empty() && static_cast<double>(all - at_start_.size()) * spread_s <
                                       static_cast<double>(all) * elapsed_s) {
        open(at_start_.back().first, at_start_.back().second);
        at_start_.pop_back();
      }
      serve();
    }
  }

  [[nodiscard]] std::size_t live() const {
    std::size_t count = 0;
    for (const auto& calls : calls_) count += calls.size();
    return count;
  }
  [[nodiscard]] std::size_t active_accounts() const {
    std::set<std::size_t> accounts;
    for (const auto& calls : calls_)
      for (const Call& call : calls)
        accounts.insert(call.csp * media_per_csp +
                        static_cast<std::size_t>(call_classes.at(call.call_class).media));
    return accounts.size();
  }
  [[nodiscard]] std::uint64_t octets() const { return octets_; }

 private:
  struct Call {
    testing::FakeAllocation allocation;
    std::size_t csp = 0;
    std::size_t call_class = 0;
    std::int64_t relayed_ms = 0;
    std::int64_t end_ms = 0;
    std::array<double, 2> owed_octets{};
  };

  static std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               steady_clock::now().time_since_epoch())
        .count();
  }

  void open(std::size_t call_class, double lasts_s) {
    Call call;
    call.csp = mix_.any_csp(random_);
    call.call_class = call_class;
    const auto user =
        testing::mint(secret,
                      fmt::format("{}/{}/client-{}", csp_id(call.csp),
                                  broker::to_string(call_classes.at(call_class).media), ++clients_),
                      now_s + 86'400);
    if (const int code = relay_.allocate(user.username, user.password, call.allocation); code != 0)
      throw std::runtime_error("an allocation was refused with " + std::to_string(code));
    call.relayed_ms = now_ms();
    call.end_ms = call.relayed_ms + static_cast<std::int64_t>(lasts_s * 1e3) + 1;
    // Packet by packet at first, while there is little of the account's first grant.
    constexpr int first_packets = 12;
    for (int i = 0; i < first_packets; ++i) relay(call, TURN_CLIENT_TO_PEER, 1'200);
    calls_.at(random_() % parts_per_s).push_back(call);
  }

  bool relay(Call& call, turn_direction direction, std::uint64_t octets) {
    if (!relay_.relay(call.allocation, direction, octets)) return false;
    octets_ += octets;
    return true;
  }

  void serve() {
    for (; next_arrival_ms_ <= now_ms();
         next_arrival_ms_ += static_cast<std::int64_t>(mix_.next_arrival_s(random_) * 1e3) + 1) {
      const std::size_t call_class = TrafficMix::any_class(random_);
      open(call_class, TrafficMix::any_duration_s(call_class, random_));
    }
    auto& calls = calls_.at(part_++ % parts_per_s);
    for (std::size_t i = 0; i < calls.size();) {
      Call& call = calls[i];
      const std::int64_t at_ms = now_ms();
      carry(call, std::min(at_ms, call.end_ms));
      if (at_ms < call.end_ms) {
        ++i;
        continue;
      }
      relay_.close(call.allocation, TURN_CLOSE_RELEASED);
      call = calls.back();
      calls.pop_back();
    }
    relay_.tick();
  }

  /// What it relayed since the last time, in a quarter of a second's pieces; what finds no credit yet
  /// waits for the next time.
  void carry(Call& call, std::int64_t at_ms) {
    constexpr double pieces = 4;
    const double elapsed_s = static_cast<double>(at_ms - call.relayed_ms) / 1e3;
    call.relayed_ms = at_ms;
    for (const auto direction : {TURN_CLIENT_TO_PEER, TURN_PEER_TO_CLIENT}) {
      double& owed = call.owed_octets.at(direction);
      owed += call_classes.at(call.call_class).octets_per_s.at(direction) * elapsed_s;
      const auto piece = static_cast<std::uint64_t>(owed / pieces);
      while (piece != 0 && owed >= static_cast<double>(piece) && relay(call, direction, piece))
        owed -= static_cast<double>(piece);
    }
  }

  testing::FakeRelay relay_;
  const TrafficMix& mix_;
  Random random_;
  std::vector<std::pair<std::size_t, double>> at_start_;
  std::array<std::vector<Call>, parts_per_s> calls_;
  std::int64_t next_arrival_ms_ = 0;
  std::uint64_t clients_ = 0;
  std::uint64_t octets_ = 0;
  std::size_t part_ = 0;
};

/// What the broker thread has computed so far.
double broker_cpu_s(plugin::Broker& broker) {
  std::promise<double> told;
  if (!broker.post([&](plugin::Control&) { told.set_value(thread_cpu_s()); }))
    throw std::runtime_error("the broker takes no work");
  return told.get_future().get();
}

template <typename Work>
double broker_share(plugin::Broker& broker, Work&& work) {
  const double before_s = broker_cpu_s(broker);
  const auto began = steady_clock::now();
  work();
  const double after_s = broker_cpu_s(broker);
  return (after_s - before_s) / std::chrono::duration<double>(steady_clock::now() - began).count();
}

}  // namespace

nlohmann::json run_broker(const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);
  const TrafficMix mix(options.relay_bit_s, options.accounts);
  const BenchRedis redis;
  const broker::RedisConfig redis_config = redis.config();
  {
    const BenchHost host;
    const plugin::Clock clock;
    const plugin::http::EventBaseHandle base(event_base_new());
    learn(base.get(), clock, host.host(), redis_config);
  }
  testing::RunningBroker running(config_of(mix, redis.port()), now_s);
  const plugin::Host host(running.host.table());
  const plugin::Clock clock;
  std::unique_ptr<OtherRelays> others;
  if (options.relays > 1)
    others = std::make_unique<OtherRelays>(clock, host, redis_config, options.relays - 1);
  std::cerr << "fleet-bench: the broker is idle\n";
  const double idle = broker_share(running.broker(), [&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds / 2));
  });
  nlohmann::json figures;
  {
    Calls calls(running, mix, options.seed);
    calls.go_on_for(options.spread_s + options.warmup_s, options.spread_s);
    std::cerr << "fleet-bench: the broker has " << calls.live() << " calls of "
              << calls.active_accounts() << " accounts\n";
    const std::uint64_t before = calls.octets();
    const double busy =
        broker_share(running.broker(), [&] { calls.go_on_for(options.seconds, 0); });
    figures = {{"relays", options.relays},
               {"accounts", options.accounts},
               {"active_accounts", calls.active_accounts()},
               {"live_calls", calls.live()},
               {"gbit_s", static_cast<double>(calls.octets() - before) * 8 / options.seconds / 1e9},
               {"broker_thread_percent", busy * 100},
               {"broker_thread_percent_idle", idle * 100}};
  }
  others.reset();
  running.stop();
  figures["problem"] = running.host.log_text().find("everything is settled") == std::string::npos
                           ? "the broker did not settle everything: " + running.host.log_text()
                           : std::string();
  return figures;
}

}  // namespace fleet_bench
