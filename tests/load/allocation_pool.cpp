#include "allocation_pool.h"

#include <sys/epoll.h>

#include <array>
#include <ctime>
#include <system_error>

namespace turnload {
namespace {

using turntest::Milliseconds;
using turntest::Outcome;

constexpr std::size_t opening_max = 64;
constexpr std::size_t events_max = 256;
/// coturn keeps a released allocation for a second; a new client may meet such a 5-tuple. One
/// attempt per sweep: these are two seconds.
constexpr int attempts_max = 100;
constexpr int allocation_mismatch = 437;
constexpr std::uint32_t lifetime_s = 600;
constexpr Milliseconds sweep_interval{20};
/// Well within the 300 s of a permission.
constexpr std::chrono::seconds keepalive_interval{120};
constexpr std::uint64_t watched_flag = std::uint64_t{1} << 32;

}  // namespace

AllocationPool::AllocationPool(const Options& options, const turntest::Address& peer,
                               std::size_t first_index, std::size_t count)
    : options_(options), peer_(peer), epoll_(::epoll_create1(EPOLL_CLOEXEC)), legs_(count) {
  if (!epoll_.valid()) throw std::system_error(errno, std::generic_category(), "no epoll");
  for (std::size_t i = 0; i < count; ++i)
    legs_[i].index = static_cast<std::uint32_t>(first_index + i);
}

void AllocationPool::watch(int descriptor, std::function<void()> ready) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = watched_flag | watched_.size();
  watched_.push_back(std::move(ready));
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
}

void AllocationPool::open(const std::function<bool()>& stop) {
  std::size_t next = 0;
  while ((next < legs_.size() || opening_ > 0) && !stop()) {
    while (next < legs_.size() && opening_ < opening_max) begin_open(legs_[next++]);
    poll(sweep_interval);
  }
}

void AllocationPool::begin_open(Leg& leg) {
  ++opening_;
  connect(leg);
}

void AllocationPool::connect(Leg& leg) {
  leg.reopen = false;
  ++leg.attempts;
  try {
    leg.client = std::make_unique<turntest::TurnClient>(options_.client_options(leg.index));
  } catch (const std::runtime_error&) {
    leg.client.reset();
    end(leg, "connect");
    return;
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<std::uint64_t>(&leg - legs_.data());
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, leg.client->descriptor(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
  turntest::AllocateOptions allocate;
  if (options_.ipv6) allocate.family = 6;
  leg.client->start_allocate(allocate, [this, &leg](const Outcome& outcome) {
    if (outcome.ok()) return after_allocate(leg);
    leg.reopen = outcome.code == allocation_mismatch && leg.attempts < attempts_max;
    if (!leg.reopen) end(leg, error_name(outcome));
  });
}

void AllocationPool::after_allocate(Leg& leg) {
  const auto done = [this, &leg](const Outcome& outcome) {
    if (outcome.ok()) return opened(leg);
    end(leg, error_name(outcome));
  };
  if (options_.mode == DataMode::channel)
    leg.client->start_bind_channel(first_channel, peer_, done);
  else
    leg.client->start_create_permission(peer_, done);
}

void AllocationPool::opened(Leg& leg) {
  const TimePoint now = Clock::now();
  leg.open = true;
  leg.last_data = now;
  leg.next_keepalive = now + keepalive_interval;
  --opening_;
  ++opened_;
  ++alive_;
}

void AllocationPool::end(Leg& leg, const std::string& why) {
  if (leg.ended) return;
  if (leg.open)
    --alive_;
  else
    --opening_;
  leg.ended = true;
  last_end_ = Clock::now();
  ++errors_[why];
  if (leg.client) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, leg.client->descriptor(), nullptr);
}

void AllocationPool::poll(std::chrono::nanoseconds wait) {
  std::array<epoll_event, events_max> events;
  const timespec timeout{static_cast<time_t>(wait.count() / 1'000'000'000),
                         static_cast<long>(wait.count() % 1'000'000'000)};
  const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
    if ((id & watched_flag) != 0) {
      watched_[id & ~watched_flag]();
      continue;
    }
    Leg& leg = legs_[id];
    if (leg.ended) continue;
    leg.client->poll();
    if (leg.client->closed()) end(leg, "closed");
  }
  const TimePoint now = Clock::now();
  if (now >= next_sweep_) {
    next_sweep_ = now + sweep_interval;
    sweep(now);
  }
}

void AllocationPool::sweep(TimePoint now) {
  for (Leg& leg : legs_) {
    if (!leg.client || leg.ended) continue;
    if (leg.reopen) connect(leg);
    if (leg.ended) continue;
    if (!leg.client->idle()) leg.client->advance(now);
    if (leg.alive() && leg.client->closed()) end(leg, "closed");
    if (leg.alive() && now >= leg.next_keepalive) keep_alive(leg, now);
  }
}

void AllocationPool::keep_alive(Leg& leg, TimePoint now) {
  leg.next_keepalive = now + keepalive_interval;
  const auto done = [this, &leg](const Outcome& outcome) {
    if (!outcome.ok()) end(leg, error_name(outcome));
  };
  leg.client->start_refresh(lifetime_s, done);
  if (options_.mode == DataMode::channel)
    leg.client->start_bind_channel(first_channel, peer_, done);
  else
    leg.client->start_create_permission(peer_, done);
}

void AllocationPool::probe_silent(TimePoint now, Milliseconds silence) {
  for (Leg& leg : legs_) {
    if (!leg.alive() || leg.probing || now - leg.last_data < silence) continue;
    leg.probing = true;
    leg.client->start_refresh(lifetime_s, [this, &leg](const Outcome& outcome) {
      leg.probing = false;
      leg.last_data = Clock::now();
      if (!outcome.ok()) end(leg, error_name(outcome));
    });
  }
}

void AllocationPool::release(Milliseconds timeout) {
  std::size_t open = 0;
  for (Leg& leg : legs_) {
    if (!leg.alive()) continue;
    ++open;
    leg.client->start_refresh(0, [&open](const Outcome&) { --open; });
  }
  const TimePoint deadline = Clock::now() + timeout;
  while (open > 0 && alive_ > 0 && Clock::now() < deadline) poll(sweep_interval);
  // Whoever did not answer must not count into `open` any more, which is about to go.
  for (Leg& leg : legs_) leg.client.reset();
}

}  // namespace turnload
