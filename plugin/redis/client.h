// The asynchronous client of one Redis (or Valkey) server, of a master under sentinels, or of a
// cluster. It never blocks. Owner: whoever runs the event base; not to be destroyed from one of its own
// callbacks. Threads: the one that runs the event base.
#pragma once

#include <event2/event.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/result.h"
#include "clock.h"
#include "host.h"
#include "redis/reply.h"
#include "redis/script.h"
#include "redis/tuning.h"

namespace plugin::redis {

/// The server that answers.
struct Server {
  std::string name;     ///< "host:port" or a path, for messages
  std::string run_id;   ///< another one after each start of the server
  std::string version;  ///< "7.0.15"
};

struct Command {
  std::vector<std::string> arguments;  ///< the command's name first; at least that
  std::string routing_key{};           ///< in a cluster the server of its slot; empty: any master
  /// Index of the argument that is replaced by the run id of the server it is sent to; 0: none.
  std::size_t run_id_argument = 0;
  /// More than 0: a WAIT follows on the same connection, and the answer is an error naming it when
  /// fewer replicas acknowledged. The command itself has been executed by then.
  std::uint32_t replicas_wanted = 0;
};

struct Answer {
  Reply reply;  ///< never an error
  Server server;
  std::int64_t sent_ms = 0;  ///< steady time at which the command was sent
};

/// Called exactly once, on the loop's thread; before call() returns only when the command is refused
/// at once, as too many wait. An error is one sentence: the server's own error, or why there is no answer.
/// Without an answer it is not known whether the command was executed. Destroying the client drops
/// what is outstanding uncalled.
using Done = std::function<void(broker::Result<Answer>)>;

struct EvalOptions {
  std::optional<std::size_t>
      run_id_argument{};  ///< index into the script's arguments (ARGV, from 0)
  std::uint32_t replicas_wanted = 0;
};

/// last_contact_ms() before anything was answered; long ago, and safe to subtract.
inline constexpr std::int64_t no_contact_ms = std::numeric_limits<std::int64_t>::min() / 2;

class Client {
 public:
  using OnMessage = std::function<void(const std::string& channel, const std::string& payload)>;

  /// Begins to connect; that the server cannot be reached is no error. One is: a PEM file of the
  /// configuration that cannot be used. Host and clock must outlive it.
  [[nodiscard]] static broker::Result<std::unique_ptr<Client>> start(
      event_base* base, const broker::RedisConfig& config, const Clock& clock, const Host& host,
      const Tuning& tuning = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends now, or as soon as there is a server that can take it, at most the time-out from now. Once
  /// sent, the answer may take the time-out again. What the server refused to execute for the moment
  /// (LOADING, READONLY, TRYAGAIN, CLUSTERDOWN, a redirection) is sent again within that time.
  void call(Command command, Done done);

  /// EVALSHA, and EVAL where the server does not know the script yet. The script is copied by need only
  /// and must live until `done`. keys[0] routes.
  void eval(const Script& script, std::vector<std::string> keys, std::vector<std::string> arguments,
            Done done, const EvalOptions& options = {});

  /// Each time a connection to a server became usable, before any command is sent on it.
  void on_server(std::function<void(const Server&)> handler);

  /// On a connection of its own, which is made again when it is lost: then messages may have been
  /// missed, and on_subscribed is called again. One subscription per client; channels at most
  /// channels_max.
  void subscribe(std::vector<std::string> channels, OnMessage on_message,
                 std::function<void()> on_subscribed);

  /// Why the subscription does not stand, since it failed last; empty: it stands, or nothing failed yet.
  [[nodiscard]] std::string subscription_problem() const;

  /// Whether the server that a command with this key goes to is connected. When it is not, the log has why.
  [[nodiscard]] bool reaches(const std::string& key) const;

  /// Why nothing can be called now, or the server refuses what it is sent; empty: all is well. In a
  /// cluster: of the masters that commands were routed to.
  [[nodiscard]] std::string problem() const;

  /// Steady time at which the latest answered command was sent: PING when there was no other for a
  /// while. The oldest over all masters in use, which in a cluster are those that commands were routed
  /// to. no_contact_ms when there was none.
  [[nodiscard]] std::int64_t last_contact_ms() const;

 private:
  class Parts;
  explicit Client(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace plugin::redis
