#include "worker.h"

#include <algorithm>

#include "support/datagram_batch.h"
#include "support/socket_setup.h"
#include "support/stun_wire.h"

namespace turnload {
namespace {

using turntest::ByteView;
using turntest::DatagramBatch;
using turntest::Milliseconds;

constexpr std::uint64_t packets_per_turn_max = 256;
constexpr std::uint64_t burst_max = 32;
/// More than are sent in a turn, lest an overload fills our own buffer and looks like the relay's
/// delay.
constexpr std::size_t batches_per_turn_max = 16;
static_assert(batches_per_turn_max * DatagramBatch::messages_max > packets_per_turn_max);
constexpr std::uint64_t window_packets_max = 1024;  ///< of a worker, whatever --window says
constexpr Milliseconds probe_interval{50};
constexpr Milliseconds drain_silence{200}, drain_max{5000}, release_max{3000};
constexpr std::chrono::microseconds shortest_sleep{20}, retry_sleep{200};
constexpr std::chrono::milliseconds longest_sleep{10};

std::uint64_t window_of(const Options& options, std::size_t allocations) {
  return std::min<std::uint64_t>(options.window_packets * allocations, window_packets_max);
}

}  // namespace

Worker::Worker(const Options& options, Shared& shared, std::size_t first_index, std::size_t count)
    : options_(options),
      shared_(shared),
      peer_(turntest::make_socket(SOCK_DGRAM, options.ipv6 ? 6 : 4, options.peer_address())),
      peer_address_(turntest::Address::of_socket(peer_.get())),
      pool_(options, peer_address_, first_index, count),
      random_(options.seed * 1'000'003 + first_index),
      peer_sender_(peer_.get()),
      payload_(options.payload_max_octets, 0x55),
      to_peer_flood_(window_of(options, count)),
      to_client_flood_(window_of(options, count)) {
  turntest::set_buffers(peer_, 128 << 20);
  pool_.watch(peer_.get(), [this] { take_at_peer(); });
}

void Worker::open_allocations() {
  pool_.open([this] { return shared_.stop.load(); });
  for (Leg& leg : pool_.legs()) {
    if (!leg.alive()) continue;
    leg_by_relayed_[leg.client->relayed_address()] =
        static_cast<std::uint32_t>(&leg - pool_.legs().data());
    leg.client->on_data([this, &leg](const turntest::ReceivedData& data) {
      note(result_.to_client, leg, data.payload);
    });
  }
  choose_turns();
}

void Worker::choose_turns() {
  for (std::uint32_t place = 0; place < pool_.legs().size(); ++place) {
    const std::uint64_t share = options_.mixed_rates ? std::uint64_t{1} << (random_() % 5) : 1;
    turns_.insert(turns_.end(), share, place);
  }
  if (options_.mixed_rates) std::shuffle(turns_.begin(), turns_.end(), random_);
}

Leg* Worker::next_leg(std::size_t& cursor) {
  for (std::size_t tries = 0; tries < turns_.size(); ++tries) {
    Leg& leg = pool_.legs()[turns_[cursor++ % turns_.size()]];
    if (leg.alive() && leg.client->queued() == 0) return &leg;
  }
  return nullptr;
}

std::optional<ByteView> Worker::compose(const Leg& leg, TimePoint due) {
  const std::size_t spread = options_.payload_max_octets - options_.payload_min_octets + 1;
  std::uint64_t size = options_.payload_min_octets + (spread > 1 ? random_() % spread : 0);
  if (options_.octets_max != 0) {
    std::uint64_t left = shared_.octets_left.load();
    while (!shared_.octets_left.compare_exchange_weak(left, left - std::min(left, size))) {
    }
    spent_ = left == 0;
    if (spent_) return std::nullopt;
    size = std::min(left, size);
  }
  if (size >= stamp_octets) {
    const auto due_ns = static_cast<std::uint64_t>(due.time_since_epoch().count());
    turntest::store_u32(payload_.data(), static_cast<std::uint32_t>(due_ns >> 32));
    turntest::store_u32(payload_.data() + 4, static_cast<std::uint32_t>(due_ns));
    turntest::store_u32(payload_.data() + 8, leg.index - pool_.legs().front().index);
    turntest::store_u32(payload_.data() + 12, shared_.tag);
  }
  return ByteView(payload_).first(size);
}

std::uint64_t Worker::due_to_peers(TimePoint now) {
  if (to_peer_loop_) return to_peer_loop_->due(now);
  const bool echo = options_.direction == Direction::echo;
  const DirectionResult& back = echo ? result_.to_client : result_.to_peer;
  return to_peer_flood_.due(issued_to_peers_, back.received.packets, now);
}

std::uint64_t Worker::due_to_clients(TimePoint now) {
  if (to_client_loop_) return to_client_loop_->due(now);
  return to_client_flood_.due(issued_to_clients_, result_.to_client.received.packets, now);
}

void Worker::flush_clients() {
  std::erase_if(unflushed_, [](Leg* leg) {
    if (leg->alive()) leg->client->flush_queue();
    return !leg->alive() || leg->client->queued() == 0;
  });
}

void Worker::send_to_peers(TimePoint now) {
  flush_clients();
  std::uint64_t due = std::min(due_to_peers(now), packets_per_turn_max);
  const std::uint64_t burst =
      std::clamp<std::uint64_t>(due / std::max<std::size_t>(pool_.alive(), 1), 1, burst_max);
  while (due > 0 && !spent_) {
    Leg* leg = next_leg(to_peer_cursor_);
    if (leg == nullptr) return;
    for (std::uint64_t i = 0; i < burst && due > 0; ++i, --due) {
      const auto payload = compose(*leg, to_peer_loop_ ? to_peer_loop_->issue() : now);
      if (!payload) break;
      if (options_.mode == DataMode::channel)
        leg->client->queue_channel(first_channel, *payload);
      else
        leg->client->queue_indication(peer_address_, *payload);
      ++issued_to_peers_;
    }
    leg->client->flush_queue();
    if (leg->client->queued() > 0) unflushed_.push_back(leg);
  }
}

void Worker::send_to_clients(TimePoint now) {
  if (peer_sender_.queued() == 0) {
    for (std::uint64_t due = std::min(due_to_clients(now), packets_per_turn_max);
         due > 0 && !spent_; --due) {
      Leg* leg = next_leg(to_client_cursor_);
      if (leg == nullptr) break;
      const auto payload = compose(*leg, to_client_loop_ ? to_client_loop_->issue() : now);
      if (!payload) break;
      peer_sender_.queue(turntest::SocketAddress(leg->client->relayed_address()), *payload);
      ++issued_to_clients_;
    }
  }
  result_.to_client.sent += peer_sender_.flush();
}

Leg* Worker::sender_of(ByteView payload, const sockaddr_storage& from) {
  std::vector<Leg>& legs = pool_.legs();
  if (payload.size() >= stamp_octets && turntest::load_u32(payload, 12) == shared_.tag) {
    const std::uint32_t place = turntest::load_u32(payload, 8);
    return place < legs.size() ? &legs[place] : nullptr;
  }
  const auto found = leg_by_relayed_.find(turntest::Address::from_sockaddr(from));
  return found == leg_by_relayed_.end() ? nullptr : &legs[found->second];
}

void Worker::take_at_peer() {
  for (std::size_t batch = 0; batch < batches_per_turn_max; ++batch)
    if (take_batch_at_peer() < DatagramBatch::messages_max) break;
}

std::size_t Worker::take_batch_at_peer() {
  DatagramBatch& batch = DatagramBatch::of_this_thread();
  const std::size_t count = batch.receive(peer_.get(), true);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView payload = batch.datagram(i);
    Leg* leg = sender_of(payload, batch.sender(i));
    if (leg == nullptr) {
      ++result_.foreign_packets;
      continue;
    }
    note(result_.to_peer, *leg, payload);
    if (options_.direction == Direction::echo)
      peer_sender_.queue(turntest::SocketAddress(turntest::Address::from_sockaddr(batch.sender(i))),
                         payload);
  }
  if (options_.direction == Direction::echo) result_.to_client.sent += peer_sender_.flush();
  return count;
}

void Worker::note(DirectionResult& direction, Leg& leg, ByteView payload) {
  const TimePoint now = Clock::now();
  direction.received += {payload.size(), 1};
  if (measuring_) direction.measured += {payload.size(), 1};
  leg.last_data = result_.last_data = now;
  if (payload.size() < stamp_octets || turntest::load_u32(payload, 12) != shared_.tag) return;
  const std::uint64_t due_ns =
      (std::uint64_t{turntest::load_u32(payload, 0)} << 32) | turntest::load_u32(payload, 4);
  const TimePoint due{std::chrono::nanoseconds(static_cast<std::int64_t>(due_ns))};
  if (due >= measure_from_) direction.latency.add((now - due).count());
}

bool Worker::finished(TimePoint now) const {
  const bool over =
      options_.seconds > 0 && now >= start_ + std::chrono::duration<double>(options_.seconds);
  return over || spent_ || pool_.alive() == 0 || shared_.stop.load(std::memory_order_relaxed);
}

std::chrono::nanoseconds Worker::time_to_wait(TimePoint now) const {
  std::chrono::nanoseconds wait = longest_sleep;
  if (!unflushed_.empty() || peer_sender_.queued() > 0) wait = retry_sleep;
  for (const auto* loop : {&to_peer_loop_, &to_client_loop_})
    if (loop->has_value()) wait = std::min(wait, (*loop)->next_due() - now);
  // What is due that soon would be slept past.
  return wait < shortest_sleep ? std::chrono::nanoseconds(0) : wait;
}

void Worker::publish_progress() {
  const std::uint64_t octets = result_.to_peer.received.octets + result_.to_client.received.octets;
  shared_.received_octets.fetch_add(octets - published_octets_, std::memory_order_relaxed);
  published_octets_ = octets;
}

turntest::TrafficCount Worker::sent_by_clients() const {
  turntest::TrafficCount sum;
  for (const Leg& leg : pool_.legs())
    if (leg.client) sum += leg.client->sent();
  return sum;
}

WorkerResult Worker::run(TimePoint start) {
  start_ = start;
  measure_from_ = start + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(options_.warmup_s));
  if (options_.rate > 0) {
    // A worker's share goes by its allocations, and by halves when both directions are sent.
    const double share = static_cast<double>(pool_.legs().size()) /
                         static_cast<double>(options_.allocations) /
                         (options_.direction == Direction::both ? 2 : 1);
    if (options_.sends_to_peer()) to_peer_loop_.emplace(options_.rate * share, start);
    if (options_.sends_to_client()) to_client_loop_.emplace(options_.rate * share, start);
  }
  for (TimePoint now = Clock::now(); now < start; now = Clock::now())
    pool_.poll(std::min<std::chrono::nanoseconds>(start - now, longest_sleep));
  for (Leg& leg : pool_.legs()) leg.last_data = start;

  TimePoint next_probe = start + probe_interval;
  TimePoint now = Clock::now();
  for (; !finished(now); now = Clock::now()) {
    measuring_ = now >= measure_from_;
    if (options_.sends_to_peer()) send_to_peers(now);
    if (options_.sends_to_client()) send_to_clients(now);
    pool_.poll(time_to_wait(Clock::now()));
    if (options_.until_cut && now >= next_probe) {
      pool_.probe_silent(now, Milliseconds(options_.silence_ms));
      next_probe = now + probe_interval;
    }
    publish_progress();
  }
  measuring_ = false;
  result_.start = start;
  result_.measured_s = std::max(0.0, std::chrono::duration<double>(now - measure_from_).count());
  drain();
  return std::move(result_);
}

void Worker::drain() {
  const TimePoint begin = Clock::now();
  const auto all_arrived = [&] {
    return result_.to_peer.received.packets == result_.to_peer.sent.packets &&
           result_.to_client.received.packets == result_.to_client.sent.packets &&
           unflushed_.empty() && peer_sender_.queued() == 0;
  };
  // A flood overruns buffers, and with an allocation ends what was on its way. What else is missing
  // after a silence is not lost but late.
  const auto silence_max = [&] {
    return options_.rate > 0 && pool_.alive() == pool_.opened() ? drain_max : drain_silence;
  };
  for (TimePoint now = begin; now < begin + drain_max; now = Clock::now()) {
    flush_clients();
    result_.to_peer.sent = sent_by_clients();
    result_.to_client.sent += peer_sender_.flush();
    if (all_arrived() || now >= std::max(begin, result_.last_data) + silence_max()) break;
    pool_.poll(std::chrono::milliseconds(1));
  }
  publish_progress();
  result_.kernel_drops = turntest::kernel_drops(peer_.get());
  for (const Leg& leg : pool_.legs())
    if (leg.client) result_.kernel_drops += leg.client->kernel_drops();
  result_.opened = pool_.opened();
  result_.alive = pool_.alive();
  result_.errors = pool_.errors();
  result_.last_end = pool_.last_end();
  pool_.release(release_max);
}

}  // namespace turnload
