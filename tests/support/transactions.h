// Requests that wait for their responses: retransmission (RFC 8489, section 6.2.1) and the
// long-term credential mechanism (section 9.2), without waiting. Owner: a TurnClient. Threads: one
// at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/credentials.h"
#include "support/outcome.h"
#include "support/stun.h"

namespace turntest {

/// Called once; `response` is null unless the outcome is success or an error response.
using Completion = std::function<void(const Outcome&, const StunMessage* response)>;

struct Request {
  StunMethod method = StunMethod::binding;
  /// Adds the request's own attributes; called again when it must be repeated with credentials.
  std::function<void(StunBuilder&)> body;
};

class Transactions {
 public:
  static constexpr std::size_t transactions_max = 256;
  using Sender = std::function<void(ByteView message)>;

  Transactions(Credentials credentials, bool reliable, Milliseconds first_retransmission,
               Sender sender);

  /// Throws std::length_error beyond transactions_max at once.
  void start(Request request, Milliseconds timeout, Completion completion);
  /// False when it belongs to no transaction here (a late duplicate), or fails its integrity check.
  bool handle(const StunMessage& response);
  /// Retransmits and gives up where it is time.
  void advance(TimePoint now);
  /// Ends all with Outcome::Kind::closed.
  void fail_all(const std::string& why);

  [[nodiscard]] bool idle() const { return pending_.empty(); }
  /// When advance() has something to do; only when !idle().
  [[nodiscard]] TimePoint next_event() const;

  [[nodiscard]] const std::string& realm() const { return realm_; }
  [[nodiscard]] const std::string& nonce() const { return nonce_; }
  void set_credentials(Credentials credentials);
  /// Starts with what another client was challenged with, and so saves a round trip.
  void set_challenge(std::string realm, std::string nonce);
  [[nodiscard]] std::uint64_t bad_integrity() const { return bad_integrity_; }

 private:
  struct Pending {
    Request request;
    Completion completion;
    TransactionId id;
    Bytes message;
    TimePoint deadline;
    TimePoint retransmit_at;
    Milliseconds interval;
    int rounds = 0;
    bool authenticated = false;
  };

  void encode_and_send(Pending& pending);
  /// True when the response was a challenge and the request went out again.
  bool answer_challenge(Pending& pending, const StunMessage& response, const StunError& error);

  Credentials credentials_;
  bool reliable_;
  Milliseconds first_retransmission_;
  Sender sender_;
  std::string realm_;
  std::string nonce_;
  Bytes key_;
  std::vector<Pending> pending_;
  std::uint64_t bad_integrity_ = 0;
};

}  // namespace turntest
