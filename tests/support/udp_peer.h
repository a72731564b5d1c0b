// A UDP peer: the far end of allocations. Counts every payload it receives and sends, in all and by
// the remote address (which is the relayed transport address of an allocation).
//
// Owner: the test. Threads: has one of its own that receives; every member may be called from any
// thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "support/address.h"
#include "support/bytes.h"
#include "support/descriptor.h"
#include "support/wait_until.h"

namespace turntest {

class UdpPeer {
 public:
  enum class Mode { sink, echo };
  using Handler = std::function<void(const Address& from, ByteView payload)>;
  static constexpr int buffer_octets = 128 << 20;

  explicit UdpPeer(Mode mode = Mode::sink, const Address& local = Address::loopback(4));
  ~UdpPeer();
  UdpPeer(const UdpPeer&) = delete;
  UdpPeer& operator=(const UdpPeer&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  /// False when the kernel did not take it.
  bool send(const Address& to, ByteView payload);
  /// `packets` datagrams of the same payload, batched; how many the kernel took. Sends as fast as
  /// it can: whoever needs all of them to arrive paces by wait_received_packets of the client.
  std::uint64_t send_many(const Address& to, ByteView payload, std::uint64_t packets);
  /// Called on the peer's thread for each payload; set before traffic starts.
  void on_data(Handler handler);

  [[nodiscard]] TrafficCount received() const;
  [[nodiscard]] TrafficCount sent() const;
  [[nodiscard]] TrafficCount received_from(const Address& remote) const;
  bool wait_received_packets(std::uint64_t packets, Milliseconds timeout);
  bool wait_received_octets(std::uint64_t octets, Milliseconds timeout);
  /// Returns when everything that had reached the socket before the call is counted; false when
  /// that took longer than `timeout`.
  bool settle(Milliseconds timeout = Milliseconds(10000));
  /// Datagrams lost on this side; an exactness test wants 0 here.
  [[nodiscard]] std::uint64_t kernel_drops() const;

 private:
  void run();
  std::uint64_t take_markers();
  void take_batch(std::size_t count);

  const Mode mode_;
  Descriptor socket_;
  Descriptor marker_;  ///< sends to itself, see settle()
  Descriptor stop_;    ///< eventfd
  Address address_;
  Address marker_address_;
  Event changed_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  TrafficCount received_, sent_;                             ///< guarded by mutex_
  std::unordered_map<Address, TrafficCount> received_from_;  ///< guarded by mutex_
  std::uint64_t markers_sent_ = 0, markers_seen_ = 0;        ///< guarded by mutex_
  Handler handler_;                                          ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace turntest
