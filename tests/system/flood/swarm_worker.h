// One thread's share of a swarm.
// Owner: the Swarm. Threads: run() on its own; the rest after that has ended.
#pragma once

#include <random>
#include <span>
#include <unordered_map>

#include "load/pacer.h"
#include "load/peer_sender.h"
#include "swarm.h"

namespace turntest {

class SwarmWorker {
 public:
  SwarmWorker(Swarm& swarm, std::span<Member> members, std::uint64_t seed, const Address& peer_at);
  void run();
  /// Takes what has arrived, until nothing more has for a moment.
  void drain();

  [[nodiscard]] TrafficCount foreign() const { return foreign_; }
  [[nodiscard]] std::uint64_t kernel_drops() const;

 private:
  /// Of a paced member: when its packets are due, in each direction.
  struct Pacing {
    Member* member;
    turnload::OpenLoop to_peer, to_client;
  };

  void open(Member& member);
  void plan_turns();
  void flood(TimePoint now);
  void send_paced(TimePoint now);
  void send_to_peer(Member& member);
  void send_to_client(Member& member);
  Member* next(const std::vector<Member*>& turns, std::size_t& cursor);
  ByteView compose(const Member& member);
  /// Whether there was anything to look at.
  bool take(int wait_ms);
  void take_at_peer();
  void flush();
  void publish();

  Swarm& swarm_;
  std::span<Member> members_;
  std::mt19937_64 random_;
  Descriptor peer_;
  Address peer_address_;
  Descriptor epoll_;
  turnload::PeerSender peer_sender_;
  Bytes payload_;
  std::unordered_map<Address, Member*> by_relayed_;
  std::vector<Member*> to_peer_turns_, to_client_turns_;
  std::size_t to_peer_cursor_ = 0, to_client_cursor_ = 0;
  std::vector<Pacing> paced_;
  std::vector<Member*> unflushed_;
  turnload::Flood to_peer_window_, to_client_window_;
  std::uint64_t flooded_to_peer_ = 0, flooded_to_client_ = 0;  ///< packets
  TrafficCount peer_received_, client_received_, foreign_;
  std::uint64_t published_octets_ = 0;
};

}  // namespace turntest
