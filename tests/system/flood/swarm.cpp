#include "swarm.h"

#include "swarm_worker.h"

namespace turntest {

Swarm::Swarm(std::vector<MemberPlan> plans, std::size_t threads, std::uint64_t seed,
             const Address& peers_at)
    : members_(plans.size()), opened_(static_cast<std::ptrdiff_t>(threads)) {
  for (std::size_t i = 0; i < plans.size(); ++i) members_[i].plan = std::move(plans[i]);
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t first = members_.size() * i / threads;
    const std::size_t end = members_.size() * (i + 1) / threads;
    workers_.push_back(std::make_unique<SwarmWorker>(
        *this, std::span(members_).subspan(first, end - first), seed * 1'000'003 + i, peers_at));
  }
}

Swarm::~Swarm() {
  stopping_ = true;
  for (auto& thread : threads_) thread.join();
}

void Swarm::start() {
  for (auto& worker : workers_) threads_.emplace_back([&worker = *worker] { worker.run(); });
}

void Swarm::stop() {
  stopping_ = true;
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  drain();
}

void Swarm::drain() {
  for (auto& worker : workers_) worker->drain();
}

TrafficCount Swarm::peers_received() const {
  TrafficCount sum = foreign();
  for (const Member& member : members_) sum += member.peer_received;
  return sum;
}

TrafficCount Swarm::clients_received() const {
  TrafficCount sum;
  for (const Member& member : members_) sum += member.client_received();
  return sum;
}

TrafficCount Swarm::foreign() const {
  TrafficCount sum;
  for (const auto& worker : workers_) sum += worker->foreign();
  return sum;
}

std::uint64_t Swarm::kernel_drops() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->kernel_drops();
  return sum;
}

}  // namespace turntest
