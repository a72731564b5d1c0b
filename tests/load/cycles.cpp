// How many allocations per second a relay can set up and take down.
//
// Every cycle is a new client on a fresh 5-tuple, so it meets the whole cost: the 401 challenge,
// Allocate, CreatePermission, ChannelBind, Refresh with lifetime 0. coturn keeps a released
// allocation for about a second; UDP ports are therefore taken in turn from a range of 16 000, and
// none comes back sooner. Connecting (TCP, TLS, DTLS) waits, one at a time per thread.
#include <sys/epoll.h>

#include <array>
#include <memory>

#include "errors.h"
#include "histogram.h"
#include "jobs.h"
#include "report.h"
#include "run_control.h"

namespace turnload {
namespace {

using turntest::Address;
using turntest::Clock;
using turntest::Outcome;
using turntest::TimePoint;
using turntest::TurnClient;

constexpr std::chrono::milliseconds sweep_interval{20};
constexpr int buffer_octets = 64 << 10;

struct SharedCycles {
  std::atomic<std::size_t> next_user{0};
  std::atomic<std::uint64_t> completed{0};
  std::atomic<bool> stop{false};
  TimePoint measure_from{}, end{};
  Address peer;
};

struct CycleResult {
  std::uint64_t cycles = 0;  ///< completed after the warm-up
  Histogram duration;
  ErrorCounts errors;
};

class CycleRunner {
 public:
  CycleRunner(const Options& options, SharedCycles& shared, std::size_t concurrent)
      : options_(options), shared_(shared), slots_(concurrent), epoll_(::epoll_create1(0)) {}

  CycleResult run() {
    for (Slot& slot : slots_) begin(slot);
    TimePoint next_sweep = Clock::now() + sweep_interval;
    while (Clock::now() < shared_.end && !shared_.stop) {
      std::array<epoll_event, 128> events;
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 20);
      for (int i = 0; i < count; ++i) serve(slots_[events[static_cast<std::size_t>(i)].data.u64]);
      if (Clock::now() < next_sweep) continue;
      next_sweep = Clock::now() + sweep_interval;
      for (Slot& slot : slots_) sweep(slot);
    }
    return std::move(result_);
  }

 private:
  struct Slot {
    std::unique_ptr<TurnClient> client;
    TimePoint begun{};
    bool finished = false;
  };

  void serve(Slot& slot) {
    slot.client->poll();
    if (slot.client->closed()) finish(slot, {Outcome::Kind::closed, 0, ""});
    if (slot.finished) begin(slot);
  }

  void sweep(Slot& slot) {
    if (slot.client) slot.client->advance(Clock::now());
    if (slot.finished) begin(slot);
  }

  void begin(Slot& slot) {
    slot.client.reset();
    slot.finished = false;
    slot.begun = Clock::now();
    slot.client = connect();
    if (!slot.client) {
      ++result_.errors["connect"];
      slot.finished = true;  // tried again at the next sweep
      return;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<std::uint64_t>(&slot - slots_.data());
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.client->descriptor(), &event);
    turntest::AllocateOptions allocate;
    if (options_.ipv6) allocate.family = 6;
    slot.client->start_allocate(allocate, then(slot, [this, &slot] { permit(slot); }));
  }

  void permit(Slot& slot) {
    slot.client->start_create_permission(shared_.peer, then(slot, [this, &slot] { bind(slot); }));
  }

  void bind(Slot& slot) {
    slot.client->start_bind_channel(0x4000, shared_.peer,
                                    then(slot, [this, &slot] { release(slot); }));
  }

  void release(Slot& slot) {
    slot.client->start_refresh(0, [this, &slot](const Outcome& outcome) { finish(slot, outcome); });
  }

  template <typename Next>
  TurnClient::Done then(Slot& slot, Next next) {
    return [this, &slot, next](const Outcome& outcome) {
      if (outcome.ok())
        next();
      else
        finish(slot, outcome);
    };
  }

  /// The client still runs the completion that calls this; it is replaced afterwards.
  void finish(Slot& slot, const Outcome& outcome) {
    if (slot.finished) return;
    slot.finished = true;
    const TimePoint now = Clock::now();
    if (!outcome.ok()) {
      ++result_.errors[error_name(outcome)];
      return;
    }
    shared_.completed.fetch_add(1, std::memory_order_relaxed);
    if (slot.begun < shared_.measure_from || now > shared_.end) return;
    ++result_.cycles;
    result_.duration.add((now - slot.begun).count());
  }

  std::unique_ptr<TurnClient> connect() {
    turntest::ClientOptions options = options_.client_options(shared_.next_user++);
    options.buffer_octets = buffer_octets;
    options.reset_on_close = true;
    try {
      return std::make_unique<TurnClient>(options);
    } catch (const std::runtime_error&) {
      return nullptr;
    }
  }

  const Options& options_;
  SharedCycles& shared_;
  std::vector<Slot> slots_;
  turntest::Descriptor epoll_;
  CycleResult result_;
};

}  // namespace

int run_cycles(const Options& options) {
  SharedCycles shared;
  shared.peer = options.peer_address().with_port(9);
  const auto seconds = [](double s) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s));
  };
  const TimePoint start = Clock::now();
  shared.measure_from = start + seconds(options.warmup_s);
  shared.end = start + seconds(options.seconds);
  std::vector<CycleResult> results(options.threads);
  std::vector<std::function<void()>> functions;
  for (std::size_t i = 0; i < options.threads; ++i) {
    const std::size_t concurrent =
        options.allocations * (i + 1) / options.threads - options.allocations * i / options.threads;
    functions.emplace_back(
        [&, i, concurrent] { results[i] = CycleRunner(options, shared, concurrent).run(); });
  }
  run_threads(
      std::move(functions), [&] { shared.stop = true; }, [] {});

  CycleResult sum;
  for (const CycleResult& result : results) {
    sum.cycles += result.cycles;
    sum.duration.merge(result.duration);
    for (const auto& [name, count] : result.errors) sum.errors[name] += count;
  }
  const double measured_s =
      std::chrono::duration<double>(std::min(Clock::now(), shared.end) - shared.measure_from)
          .count();
  Json report = describe(options);
  report["duration_s"] = measured_s;
  report["cycles"] = sum.cycles;
  report["cycles_per_s"] = measured_s > 0 ? static_cast<double>(sum.cycles) / measured_s : 0.0;
  report["latency_us"] = latency_json(sum.duration);
  report["errors"] = sum.errors;
  print(options, report);
  return shared.completed > 0 ? 0 : 1;
}

}  // namespace turnload
