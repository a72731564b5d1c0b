// A TCP peer for RFC 6062: listens, accepts what the relay connects, and can connect to a relayed
// transport address itself. Counts the stream's octets; "packets" are reads and writes.
//
// Owner: the test. Threads: has one of its own that moves octets; members may be called from any
// thread.
#pragma once

#include <map>
#include <mutex>
#include <thread>

#include "support/address.h"
#include "support/bytes.h"
#include "support/descriptor.h"
#include "support/wait_until.h"

namespace turntest {

class TcpPeer {
 public:
  enum class Mode { sink, echo };
  using ConnectionNumber = std::uint64_t;  ///< 1, 2, … in the order they came up
  static constexpr std::size_t unsent_octets_max = 64 << 20;  ///< per connection
  static constexpr std::size_t connections_max = 1024;

  explicit TcpPeer(Mode mode = Mode::sink, const Address& local = Address::loopback(4));
  ~TcpPeer();
  TcpPeer(const TcpPeer&) = delete;
  TcpPeer& operator=(const TcpPeer&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }
  /// Opens a connection to a relayed transport address. Throws std::system_error.
  ConnectionNumber connect_to(const Address& relayed, Milliseconds timeout);
  /// Queues octets; false when the connection is gone or unsent_octets_max would be exceeded.
  bool send(ConnectionNumber connection, ByteView octets);
  /// Ends our side once what is queued went out.
  void finish_writing(ConnectionNumber connection);

  [[nodiscard]] TrafficCount received() const;
  [[nodiscard]] TrafficCount sent() const;  ///< what the kernel took
  [[nodiscard]] std::uint64_t connections_ever() const;
  [[nodiscard]] std::size_t connections_open() const;
  bool wait_connections(std::uint64_t connections, Milliseconds timeout);
  bool wait_received_octets(std::uint64_t octets, Milliseconds timeout);
  bool wait_sent_octets(std::uint64_t octets, Milliseconds timeout);
  bool wait_all_closed(Milliseconds timeout);

 private:
  struct Connection {
    Descriptor socket;
    Bytes unsent;
    std::size_t unsent_start = 0;
    bool finish = false;
    bool finished = false;
  };

  void run();
  void accept_all();
  /// False when the connection is over. mutex_ is held.
  bool serve(Connection& connection, short events);
  void write_some(Connection& connection);
  ConnectionNumber add(Descriptor socket);
  void wake();

  const Mode mode_;
  Descriptor listener_;
  Descriptor wake_;  ///< eventfd
  Address address_;
  Event changed_;
  mutable std::mutex mutex_;
  std::map<ConnectionNumber, Connection> connections_;  ///< guarded by mutex_
  ConnectionNumber last_ = 0;                           ///< guarded by mutex_
  TrafficCount received_, sent_;                        ///< guarded by mutex_
  bool stopping_ = false;                               ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace turntest
