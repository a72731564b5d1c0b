// The connection to one server that is kept up: made again with back-off when it is lost, greeted
// (AUTH, SELECT, ROLE, INFO, PING), pinged when it is quiet, dropped when an answer is overdue.
// Owner: a route or a watch. Threads: the one that runs the event base.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clock.h"
#include "redis/backoff.h"
#include "redis/client.h"
#include "redis/client_tls.h"
#include "redis/endpoint.h"
#include "redis/replica_wait.h"
#include "redis/reply_reader.h"
#include "redis/stream.h"

namespace plugin::redis {

/// What all links of a client share.
struct LinkWorld {
  event_base* base;
  const broker::RedisConfig& config;
  const Clock& clock;
  const Host& host;
  const Tuning& tuning;
  const ClientTls* tls;  ///< nullptr: none
  Random& random;
};

class Link {
 public:
  enum class Kind : std::uint8_t {
    server,    ///< a server that commands are sent to
    master,    ///< the same, and it must say that it is a master
    sentinel,  ///< with the sentinels' user, no database, no run id
    listener,  ///< a server, for a subscription
  };

  /// Called from the event base, never from within a member; the link must not be destroyed there, but
  /// in `lost`. Commands that have no answer by then got an error before.
  struct Handlers {
    std::function<void(Link&)> ready;
    std::function<void(Link&)> lost;
    std::function<void(Link&, const Reply&)> pushed{};  ///< of a listener or sentinel
  };
  using OnReply = std::function<void(broker::Result<Reply>, std::int64_t sent_ms)>;

  Link(const LinkWorld& world, Kind kind, Handlers handlers);
  ~Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Keeps a connection to this server; at once, or when the back-off after a loss has passed, which
  /// another server that is known to be `fresh` need not wait for.
  void keep(const Endpoint& endpoint, bool fresh = false);
  /// Drops the connection, if there is one, for this reason: as if it had been lost.
  void drop(const std::string& why);

  /// Precondition: is_ready(). The reply may be an error reply.
  void send(const std::vector<std::string>& arguments, OnReply on_reply);
  /// From here on what arrives is pushed, as after SUBSCRIBE. PINGs go on.
  void listen(const std::vector<std::string>& subscription);
  [[nodiscard]] ReplicaWait& replicas() { return replicas_; }

  /// Drops the connection, quietly, and makes no other until keep().
  void rest();

  /// To be called every few milliseconds.
  void tick();

  [[nodiscard]] bool is_ready() const { return state_ == State::ready; }
  /// Makes no connection, and has none.
  [[nodiscard]] bool is_resting() const { return state_ == State::waiting && connect_at_ms_ == 0; }
  [[nodiscard]] bool is_idle() const { return expected_.empty(); }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] const Server& server() const { return server_; }
  [[nodiscard]] std::int64_t last_contact_ms() const { return last_contact_ms_; }
  /// "NAME: why it cannot be used"; empty when it can.
  [[nodiscard]] std::string problem() const;
  /// Of its server, and of what it is for where another link goes there, too.
  [[nodiscard]] std::string name() const;
  /// A listener's subscription is confirmed: before that a connection is not good yet.
  void stands();
  /// The problem that the log has; empty when it also has that it is over.
  [[nodiscard]] const std::string& told_problem() const { return told_problem_; }
  /// What the server refuses though it is connected, or empty for no more.
  void set_trouble(const std::string& trouble) { trouble_ = trouble; }

 private:
  enum class State : std::uint8_t { waiting, connecting, greeting, ready, ending };
  struct Expected {
    OnReply on_reply;
    std::int64_t sent_ms;
  };

  void open();
  void greet();
  void greeted();
  void write(const std::vector<std::string>& arguments, OnReply on_reply);
  void received(std::string_view octets);
  void take(Reply reply);
  void ping();
  void tick_ready(std::int64_t now_ms);
  void tick_listening(std::int64_t now_ms);
  void end_overdue(const std::string& why);
  void end(const std::string& why);
  void ended();
  const LinkWorld& world_;
  const Kind kind_;
  Handlers handlers_;
  Endpoint endpoint_;
  State state_ = State::waiting;
  bool listening_ = false;
  std::string subscription_;  ///< "SUBSCRIBE channel …", for messages
  bool pinged_ = false;       ///< while listening; its answer is expected
  bool overdue_ = false;
  bool resting_ = false;
  std::size_t greeting_left_ = 0;  ///< steps that are unanswered
  Server server_;
  std::string problem_;
  std::string told_problem_;  ///< that the log has
  std::string trouble_;
  Backoff backoff_;
  std::int64_t connect_at_ms_ = 0;  ///< while waiting; 0: not asked to
  std::int64_t opened_ms_ = 0;
  std::int64_t ready_ms_ = 0;
  std::int64_t heard_ms_ = 0;  ///< when something arrived last
  std::int64_t pinged_ms_ = 0;
  std::int64_t last_contact_ms_ = no_contact_ms;
  std::deque<Expected> expected_;
  ReplicaWait replicas_;
  std::unique_ptr<ReplyReader> reader_;
  std::unique_ptr<Stream> stream_;
  std::function<void()> end_;
  http::EventHandle ending_;  ///< ends a connection from a stack of its own
};

/// RESP2: an array of bulk strings.
[[nodiscard]] std::string encode(const std::vector<std::string>& arguments);

}  // namespace plugin::redis
