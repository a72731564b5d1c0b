// Many allocations under load, both ends in this process: clients over any transport, flooding,
// paced or idle, and peers that send back. Counts what each far end received.
// Owner: the test. Threads: some of its own, each with its own allocations and one peer socket.
// Members are called from one thread; clients are touched only by their own thread until stop().
#pragma once

#include <atomic>
#include <cstdint>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "support/turn_client.h"

namespace turntest {

/// What one allocation is to do.
struct MemberPlan {
  enum class Pace : std::uint8_t { flood, paced, idle };
  ClientOptions client;
  Pace pace = Pace::idle;
  double packets_per_s = 0;        ///< paced: in each direction
  std::uint32_t flood_weight = 1;  ///< flood: turns it gets
  bool to_peer = true;
  bool to_client = true;
  bool indications = false;  ///< Send and Data indications instead of a channel
  std::size_t payload_min_octets = 1;
  std::size_t payload_max_octets = 1'400;
};

struct Member {
  MemberPlan plan;
  std::unique_ptr<TurnClient> client;
  std::string open_error;  ///< why it has no allocation
  Address local, relayed;
  TrafficCount peer_received;  ///< at the peer, from this allocation
  [[nodiscard]] TrafficCount client_received() const {
    return client ? client->received() : TrafficCount{};
  }
  [[nodiscard]] bool open() const { return client && open_error.empty(); }
};

class Swarm {
 public:
  /// Opens nothing yet. The peers are at an address of this machine.
  Swarm(std::vector<MemberPlan> plans, std::size_t threads, std::uint64_t seed,
        const Address& peers_at = Address::loopback(4));
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  /// Starts to open all allocations; traffic begins when that is done.
  void start();
  /// Until every allocation is open or has failed.
  void wait_open() { opened_.wait(); }
  /// Ends the sending, and takes what has arrived at the far ends until there is no more.
  void stop();

  /// What the far ends have received so far; exact after stop().
  [[nodiscard]] std::uint64_t received_octets() const { return received_octets_.load(); }

  // After stop():
  [[nodiscard]] std::vector<Member>& members() { return members_; }
  [[nodiscard]] TrafficCount peers_received() const;
  [[nodiscard]] TrafficCount clients_received() const;
  /// Payload at a peer that came from no allocation of ours.
  [[nodiscard]] TrafficCount foreign() const;
  /// Datagrams that the far ends' sockets had no room for: lost here, not by the relay.
  [[nodiscard]] std::uint64_t kernel_drops() const;
  /// Takes what has arrived since stop(), too.
  void drain();

 private:
  friend class SwarmWorker;
  std::vector<Member> members_;
  std::vector<std::unique_ptr<class SwarmWorker>> workers_;
  std::vector<std::thread> threads_;
  std::latch opened_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> received_octets_{0};
};

}  // namespace turntest
