// A TURN client with one 5-tuple and so at most one allocation (RFC 8656, RFC 6062, RFC 8016).
//
// Owner: the test. Threads: one at a time; nothing runs in the background, so responses and data
// are taken from the socket only inside a call that waits, or inside poll().
//
// Each request comes twice: `allocate()` waits until the answer or the deadline, `start_allocate()`
// returns at once and completes inside a later poll(). Payload octets and packets are counted
// exactly: `sent()` what the kernel took (for streams: what was queued behind it), `received()`
// what arrived.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/credentials.h"
#include "support/outcome.h"
#include "support/stun.h"
#include "support/transactions.h"
#include "support/transport.h"

namespace turntest {

struct ClientOptions {
  TransportKind transport = TransportKind::udp;
  Address server;
  Credentials credentials;
  std::optional<Address> local;            ///< default: any
  Milliseconds timeout{5000};              ///< of connecting, and of each request
  Milliseconds first_retransmission{250};  ///< doubles; datagram transports only
  int buffer_octets = 16 << 20;            ///< socket buffers
  bool reset_on_close = false;             ///< no TIME_WAIT; for very many short connections
};

struct AllocateOptions {
  int family = 0;                  ///< REQUESTED-ADDRESS-FAMILY 4 or 6; 0 leaves it out
  bool both_families = false;      ///< ADDITIONAL-ADDRESS-FAMILY IPv6
  bool tcp = false;                ///< RFC 6062: REQUESTED-TRANSPORT TCP
  bool even_port = false;          ///< EVEN-PORT
  bool reserve_next_port = false;  ///< EVEN-PORT with the R bit; see reservation_token()
  bool mobility = false;           ///< empty MOBILITY-TICKET; see mobility_ticket()
  bool dont_fragment = false;
  std::optional<std::uint32_t> lifetime_s;
  Bytes reservation_token;  ///< RESERVATION-TOKEN when not empty
};

/// Application data from a peer. `payload` is borrowed in a handler, owned in the inbox.
struct ReceivedData {
  Address peer;
  std::uint16_t channel = 0;  ///< 0: it came in a Data indication
  ByteView payload;
};

struct OwnedData {
  Address peer;
  std::uint16_t channel = 0;
  Bytes payload;
};

struct ConnectionAttempt {
  std::uint32_t connection_id = 0;
  Address peer;
};

class DataConnection;

class TurnClient {
 public:
  static constexpr std::size_t inbox_max = 65536;
  using DataHandler = std::function<void(const ReceivedData&)>;
  using Done = std::function<void(const Outcome&)>;

  /// Connects (and shakes hands). Throws std::runtime_error.
  explicit TurnClient(ClientOptions options);
  ~TurnClient();
  TurnClient(const TurnClient&) = delete;
  TurnClient& operator=(const TurnClient&) = delete;

  // -- requests that wait ------------------------------------------------------------------------
  Outcome binding();
  Outcome allocate(const AllocateOptions& options = {});
  Outcome refresh(std::uint32_t lifetime_s);
  /// Moves an allocation to this 5-tuple (RFC 8016).
  Outcome refresh_with_ticket(const Bytes& ticket, std::uint32_t lifetime_s);
  Outcome create_permission(const Address& peer);
  Outcome create_permissions(const std::vector<Address>& peers);
  Outcome bind_channel(std::uint16_t channel, const Address& peer);
  /// RFC 6062: on success connection_id names the connection to bind.
  Outcome connect_peer(const Address& peer, std::uint32_t& connection_id);
  /// Opens a second connection to the server and turns it into a stream to the peer; null and
  /// `outcome` says why otherwise.
  [[nodiscard]] std::unique_ptr<DataConnection> bind_connection(std::uint32_t connection_id,
                                                                Outcome& outcome);
  /// RFC 6062: a peer has connected to the relayed transport address.
  [[nodiscard]] std::optional<ConnectionAttempt> wait_connection_attempt(Milliseconds timeout);
  /// Any other request, or a wrong one.
  Outcome request(Request request, Completion inspect = nullptr);

  // -- requests that complete inside poll()
  // ----------------------------------------------------------
  void start_allocate(const AllocateOptions& options, Done done);
  void start_refresh(std::uint32_t lifetime_s, Done done);
  void start_create_permission(const Address& peer, Done done);
  void start_bind_channel(std::uint16_t channel, const Address& peer, Done done);
  void start_request(Request request, Completion completion);

  // -- data
  // ------------------------------------------------------------------------------------------
  /// False when the transport would have to wait; the payload is then not sent, nor counted.
  bool send_channel(std::uint16_t channel, ByteView payload);
  bool send_indication(const Address& peer, ByteView payload);
  /// Sends octets as they are (for malformed input); not counted.
  bool send_raw(ByteView frame);
  /// Batches: queue some, then flush; what was not taken stays queued. Counted when taken.
  void queue_channel(std::uint16_t channel, ByteView payload);
  void queue_indication(const Address& peer, ByteView payload);
  std::size_t flush_queue();
  [[nodiscard]] std::size_t queued() const { return queue_.size() - queue_first_; }
  /// Without a handler, data goes to the inbox. A handler must not call poll() or wait.
  void on_data(DataHandler handler) { handler_ = std::move(handler); }
  /// The inbox's oldest, or what arrives within `timeout`.
  [[nodiscard]] std::optional<OwnedData> receive(Milliseconds timeout);
  /// Waits until received() shows that many packets in all; false at the deadline.
  bool wait_received_packets(std::uint64_t packets, Milliseconds timeout);

  // -- the event loop's part
  // ---------------------------------------------------------------------------
  [[nodiscard]] int descriptor() const { return transport_->descriptor(); }
  [[nodiscard]] bool wants_write() const { return transport_->has_unsent(); }
  /// Takes what has arrived, without waiting; how many frames that was.
  std::size_t poll();
  /// Retransmissions and request deadlines; to be called by next_event() unless idle().
  void advance(TimePoint now) { transactions_.advance(now); }
  [[nodiscard]] bool idle() const { return transactions_.idle(); }
  [[nodiscard]] TimePoint next_event() const { return transactions_.next_event(); }

  // -- what is known
  // -------------------------------------------------------------------------------------
  [[nodiscard]] Address local_address() const { return Address::of_socket(descriptor()); }
  [[nodiscard]] const Address& mapped_address() const { return mapped_; }
  [[nodiscard]] const Address& relayed_address() const { return relayed_; }
  [[nodiscard]] const Address& second_relayed_address() const { return second_relayed_; }
  [[nodiscard]] std::uint32_t lifetime_s() const { return lifetime_s_; }
  [[nodiscard]] const Bytes& mobility_ticket() const { return ticket_; }
  [[nodiscard]] const Bytes& reservation_token() const { return reservation_; }
  [[nodiscard]] const std::string& realm() const { return transactions_.realm(); }
  [[nodiscard]] bool closed() const { return transport_->closed(); }
  [[nodiscard]] const std::string& why_closed() const { return transport_->why_closed(); }
  [[nodiscard]] TrafficCount sent() const { return sent_; }
  [[nodiscard]] TrafficCount received() const { return received_; }
  /// Datagrams lost on this side; an exactness test wants 0 here.
  [[nodiscard]] std::uint64_t kernel_drops() const { return transport_->kernel_drops(); }
  [[nodiscard]] std::uint64_t inbox_overflows() const { return inbox_overflows_; }
  /// Frames that were neither a message nor ChannelData, and responses with a wrong integrity.
  [[nodiscard]] std::uint64_t bad_frames() const {
    return bad_frames_ + transactions_.bad_integrity();
  }
  void set_credentials(Credentials credentials);

 private:
  /// Polls until `finished` returns true or the deadline.
  template <typename Finished>
  bool run_until(TimePoint deadline, Finished finished);
  Outcome run(const std::function<void(Done)>& start);
  void start_refresh_request(Request request, Done done);
  void take_frame(ByteView frame);
  void take_indication(const StunMessage& message);
  void deliver(const ReceivedData& data);
  [[nodiscard]] Address peer_of(std::uint16_t channel) const;

  ClientOptions options_;
  std::unique_ptr<Transport> transport_;
  Transactions transactions_;
  FrameHandler frame_handler_;
  DataHandler handler_;
  FrameBatch queue_;
  std::size_t queue_first_ = 0;
  std::deque<OwnedData> inbox_;
  std::deque<ConnectionAttempt> attempts_;
  std::vector<std::pair<std::uint16_t, Address>> channels_;
  Address mapped_, relayed_, second_relayed_;
  std::uint32_t lifetime_s_ = 0;
  Bytes ticket_, reservation_;
  TrafficCount sent_, received_;
  std::uint64_t inbox_overflows_ = 0;
  std::uint64_t bad_frames_ = 0;
};

/// RFC 6062: a stream to one peer. Owner: the test. Threads: one at a time.
class DataConnection {
 public:
  DataConnection(std::unique_ptr<Transport> transport);
  /// All of it; false at the deadline or when the connection ended. sent() tells how much went out.
  bool write(ByteView octets, Milliseconds timeout);
  /// At least one octet unless the deadline passed or the connection ended.
  [[nodiscard]] Bytes read_some(Milliseconds timeout);
  /// Reads and drops until received() shows `octets` in all; false when that did not happen.
  bool drain(std::uint64_t octets, Milliseconds timeout);
  void finish_writing() { stream_->finish_writing(); }
  [[nodiscard]] bool closed() const { return transport_->closed(); }
  [[nodiscard]] TrafficCount sent() const { return sent_; }
  [[nodiscard]] TrafficCount received() const { return received_; }

 private:
  std::unique_ptr<Transport> transport_;
  StreamTransport* stream_;  ///< the same object
  TrafficCount sent_, received_;
};

}  // namespace turntest
