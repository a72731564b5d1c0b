#include "swarm_worker.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "support/datagram_batch.h"
#include "support/socket_setup.h"

namespace turntest {
namespace {

constexpr std::uint16_t channel = 0x4000;
constexpr std::uint64_t window_packets = 512;    ///< of a worker's flood, in each direction
constexpr std::uint64_t burst_packets_max = 64;  ///< between two looks at what has arrived
constexpr int peer_buffer_octets = 128 << 20;
constexpr int attempts_max = 8;
/// coturn keeps a closed allocation's 5-tuple for a moment; a new client may get the same port.
constexpr int allocation_mismatch = 437;
/// Loopback delivers within microseconds: what has not come by then will not.
constexpr int quiet_ms = 30;
constexpr std::chrono::seconds drain_max{20};
constexpr std::uint64_t at_peer = UINT64_MAX;

}  // namespace

SwarmWorker::SwarmWorker(Swarm& swarm, std::span<Member> members, std::uint64_t seed,
                         const Address& peer_at)
    : swarm_(swarm),
      members_(members),
      random_(seed),
      peer_(make_socket(SOCK_DGRAM, 4, peer_at)),
      peer_address_(Address::of_socket(peer_.get())),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      peer_sender_(peer_.get()),
      payload_(65'536),
      to_peer_window_(window_packets),
      to_client_window_(window_packets) {
  set_buffers(peer_, peer_buffer_octets);
  for (auto& octet : payload_) octet = static_cast<std::uint8_t>(random_());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = at_peer;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer_.get(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
}

void SwarmWorker::open(Member& member) {
  for (int attempt = 1;; ++attempt) {
    try {
      member.client = std::make_unique<TurnClient>(member.plan.client);
    } catch (const std::runtime_error& error) {
      member.open_error = error.what();
      return;
    }
    Outcome outcome = member.client->allocate();
    if (outcome.code == allocation_mismatch && attempt < attempts_max) continue;
    if (outcome.ok()) {
      member.relayed = member.client->relayed_address();
      outcome = member.plan.indications ? member.client->create_permission(peer_address_)
                                        : member.client->bind_channel(channel, peer_address_);
    }
    if (!outcome.ok()) member.open_error = "answer " + std::to_string(outcome.code);
    break;
  }
  member.local = member.client->local_address();
  by_relayed_[member.relayed] = &member;
  member.client->on_data([this](const ReceivedData& data) {
    client_received_ += {data.payload.size(), 1};
  });
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<std::uint64_t>(&member - members_.data());
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, member.client->descriptor(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
}

void SwarmWorker::plan_turns() {
  const TimePoint now = Clock::now();
  for (Member& member : members_) {
    if (!member.open()) continue;
    const auto& plan = member.plan;
    if (plan.pace == MemberPlan::Pace::flood) {
      if (plan.to_peer) to_peer_turns_.insert(to_peer_turns_.end(), plan.flood_weight, &member);
      if (plan.to_client)
        to_client_turns_.insert(to_client_turns_.end(), plan.flood_weight, &member);
    } else if (plan.pace == MemberPlan::Pace::paced) {
      // Not all at the same moment.
      const std::chrono::nanoseconds phase(random_() % 10'000'000);
      paced_.push_back({&member, turnload::OpenLoop(plan.packets_per_s, now + phase),
                        turnload::OpenLoop(plan.packets_per_s, now + phase)});
    }
  }
  std::shuffle(to_peer_turns_.begin(), to_peer_turns_.end(), random_);
  std::shuffle(to_client_turns_.begin(), to_client_turns_.end(), random_);
}

void SwarmWorker::run() {
  for (Member& member : members_) {
    if (swarm_.stopping_.load())
      member.open_error = "not tried";
    else
      open(member);
  }
  swarm_.opened_.arrive_and_wait();
  plan_turns();
  const bool floods = !to_peer_turns_.empty() || !to_client_turns_.empty();
  while (!swarm_.stopping_.load()) {
    const TimePoint now = Clock::now();
    if (floods) flood(now);
    send_paced(now);
    flush();
    take(floods ? 0 : 1);
    publish();
  }
}

Member* SwarmWorker::next(const std::vector<Member*>& turns, std::size_t& cursor) {
  for (std::size_t tries = 0; tries < turns.size(); ++tries) {
    Member* member = turns[cursor++ % turns.size()];
    if (!member->client->closed() && member->client->queued() == 0) return member;
  }
  return nullptr;
}

ByteView SwarmWorker::compose(const Member& member) {
  const auto& plan = member.plan;
  const std::size_t spread = plan.payload_max_octets - plan.payload_min_octets + 1;
  return ByteView(payload_).first(plan.payload_min_octets + random_() % spread);
}

void SwarmWorker::send_to_peer(Member& member) {
  if (member.plan.indications)
    member.client->queue_indication(peer_address_, compose(member));
  else
    member.client->queue_channel(channel, compose(member));
  if (unflushed_.empty() || unflushed_.back() != &member) unflushed_.push_back(&member);
}

void SwarmWorker::send_to_client(Member& member) {
  peer_sender_.queue(SocketAddress(member.relayed), compose(member));
}

void SwarmWorker::flood(TimePoint now) {
  auto due = to_peer_window_.due(flooded_to_peer_, peer_received_.packets, now);
  for (due = std::min(due, burst_packets_max); due > 0 && !to_peer_turns_.empty(); --due) {
    Member* member = next(to_peer_turns_, to_peer_cursor_);
    if (member == nullptr) break;
    send_to_peer(*member);
    ++flooded_to_peer_;
    if (unflushed_.size() >= burst_packets_max / 2) flush();
  }
  due = to_client_window_.due(flooded_to_client_, client_received_.packets, now);
  for (due = std::min(due, burst_packets_max); due > 0 && !to_client_turns_.empty(); --due) {
    Member* member = next(to_client_turns_, to_client_cursor_);
    if (member == nullptr) break;
    send_to_client(*member);
    ++flooded_to_client_;
  }
}

void SwarmWorker::send_paced(TimePoint now) {
  for (Pacing& pacing : paced_) {
    Member& member = *pacing.member;
    if (member.client->closed()) continue;
    const auto& plan = member.plan;
    for (auto due = plan.to_peer ? pacing.to_peer.due(now) : 0; due > 0; --due) {
      (void)pacing.to_peer.issue();
      if (member.client->queued() < burst_packets_max) send_to_peer(member);
    }
    for (auto due = plan.to_client ? pacing.to_client.due(now) : 0; due > 0; --due) {
      (void)pacing.to_client.issue();
      send_to_client(member);
    }
  }
}

void SwarmWorker::flush() {
  std::erase_if(unflushed_, [](Member* member) {
    if (member->client->closed()) return true;
    member->client->flush_queue();
    return member->client->queued() == 0;
  });
  (void)peer_sender_.flush();
}

bool SwarmWorker::take(int wait_ms) {
  std::array<epoll_event, 256> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
    if (id == at_peer) {
      take_at_peer();
      continue;
    }
    TurnClient& client = *members_[id].client;
    client.poll();
    if (client.closed()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client.descriptor(), nullptr);
  }
  return count > 0;
}

void SwarmWorker::take_at_peer() {
  DatagramBatch& batch = DatagramBatch::of_this_thread();
  const std::size_t count = batch.receive(peer_.get(), true);
  for (std::size_t i = 0; i < count; ++i) {
    const TrafficCount packet{batch.datagram(i).size(), 1};
    const auto found = by_relayed_.find(Address::from_sockaddr(batch.sender(i)));
    (found == by_relayed_.end() ? foreign_ : found->second->peer_received) += packet;
    peer_received_ += packet;
  }
}

void SwarmWorker::publish() {
  const std::uint64_t octets = peer_received_.octets + client_received_.octets;
  swarm_.received_octets_.fetch_add(octets - published_octets_);
  published_octets_ = octets;
}

void SwarmWorker::drain() {
  const TimePoint deadline = Clock::now() + drain_max;
  while (take(quiet_ms) && Clock::now() < deadline) {
  }
  publish();
}

std::uint64_t SwarmWorker::kernel_drops() const {
  std::uint64_t drops = turntest::kernel_drops(peer_.get());
  for (const Member& member : members_)
    if (member.client) drops += member.client->kernel_drops();
  return drops;
}

}  // namespace turntest
