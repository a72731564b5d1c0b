// One thread's share of the traffic: its allocations, one peer socket for all of them, both
// directions. Owner: main, through run_traffic. Threads: one each; the shared state below is
// atomic.
//
// A payload of 16 octets or more begins with the time it was due, the allocation's number and the
// run's tag; the receiver takes the latency from that.
#pragma once

#include <atomic>
#include <random>
#include <unordered_map>

#include "allocation_pool.h"
#include "histogram.h"
#include "pacer.h"
#include "peer_sender.h"
#include "support/bytes.h"

namespace turnload {

/// Of the due time, the allocation and the tag.
inline constexpr std::size_t stamp_octets = 16;

/// What the workers share.
struct Shared {
  explicit Shared(const Options& options)
      : octets_left(options.octets_max == 0 ? UINT64_MAX : options.octets_max) {}
  std::atomic<std::uint64_t> octets_left;  ///< of --octets
  std::atomic<std::uint64_t> received_octets{0};
  std::atomic<bool> stop{false};
  std::uint32_t tag = 0;  ///< set before the workers start
};

struct DirectionResult {
  turntest::TrafficCount sent, received;  ///< all, warm-up included
  turntest::TrafficCount measured;        ///< received while sending, after the warm-up
  Histogram latency;                      ///< of packets due after the warm-up
};

struct WorkerResult {
  DirectionResult to_peer, to_client;
  std::size_t opened = 0, alive = 0;
  ErrorCounts errors;
  std::uint64_t foreign_packets = 0;  ///< at the peer, not from this run
  std::uint64_t kernel_drops = 0;     ///< by our sockets: then losses are not the relay's
  double measured_s = 0;
  TimePoint start{}, last_data{}, last_end{};
};

class Worker {
 public:
  Worker(const Options& options, Shared& shared, std::size_t first_index, std::size_t count);
  void open_allocations();
  /// Sends from `start` on, then waits for what is on its way, and releases the allocations.
  WorkerResult run(TimePoint start);

 private:
  void send_to_peers(TimePoint now);
  void send_to_clients(TimePoint now);
  [[nodiscard]] std::uint64_t due_to_peers(TimePoint now);
  [[nodiscard]] std::uint64_t due_to_clients(TimePoint now);
  /// The next that lives and has nothing waiting; null when there is none.
  Leg* next_leg(std::size_t& cursor);
  /// The next payload, borrowed until the next call; nullopt when --octets is used up.
  std::optional<turntest::ByteView> compose(const Leg& leg, TimePoint due);
  void flush_clients();
  void choose_turns();
  void take_at_peer();
  std::size_t take_batch_at_peer();
  /// The allocation that relayed it; null for a packet that is not of this run.
  Leg* sender_of(turntest::ByteView payload, const sockaddr_storage& from);
  void note(DirectionResult& direction, Leg& leg, turntest::ByteView payload);
  [[nodiscard]] bool finished(TimePoint now) const;
  [[nodiscard]] std::chrono::nanoseconds time_to_wait(TimePoint now) const;
  void publish_progress();
  [[nodiscard]] turntest::TrafficCount sent_by_clients() const;
  void drain();

  const Options& options_;
  Shared& shared_;
  turntest::Descriptor peer_;
  turntest::Address peer_address_;
  AllocationPool pool_;
  std::unordered_map<turntest::Address, std::uint32_t> leg_by_relayed_;
  std::mt19937_64 random_;
  std::vector<std::uint32_t> turns_;  ///< places of legs, more often for higher rates
  std::size_t to_peer_cursor_ = 0, to_client_cursor_ = 0;
  std::vector<Leg*> unflushed_;  ///< with packets the transport did not take yet
  PeerSender peer_sender_;
  turntest::Bytes payload_;
  std::uint64_t issued_to_peers_ = 0, issued_to_clients_ = 0;  ///< packets
  std::uint64_t published_octets_ = 0;
  WorkerResult result_;
  std::optional<OpenLoop> to_peer_loop_, to_client_loop_;
  Flood to_peer_flood_, to_client_flood_;
  TimePoint start_{}, measure_from_{};
  bool measuring_ = false;
  bool spent_ = false;  ///< --octets is used up
};

}  // namespace turnload
