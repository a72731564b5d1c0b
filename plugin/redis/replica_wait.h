// WAIT for commands that count only when replicas have them. One WAIT at a time on a connection covers
// all that was sent before it: a second one behind it would wait its own time again.
// Owner: a Link. Threads: the one that runs the event base.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "broker/result.h"
#include "redis/reply.h"

namespace plugin::redis {

class ReplicaWait {
 public:
  using OnDone = std::function<void(const broker::Status&)>;
  using SendWait = std::function<void(std::uint32_t replicas,
                                      std::function<void(const broker::Result<Reply>&)> on_reply)>;

  /// `wait_ms` is for messages.
  ReplicaWait(SendWait send, std::int64_t wait_ms) : send_(std::move(send)), wait_ms_(wait_ms) {}

  /// Of the command that was sent last. Called after its own reply.
  void after_sent(std::uint32_t replicas, OnDone on_done);

  /// The connection is gone; those who wait get the error.
  void fail(const broker::Error& error);

 private:
  struct Waiter {
    std::uint32_t replicas;
    OnDone on_done;
  };

  void send_for_all();
  void settle(const broker::Result<Reply>& reply);

  SendWait send_;
  std::int64_t wait_ms_;
  std::vector<Waiter> covered_;  ///< by the WAIT that is unanswered
  std::vector<Waiter> next_;     ///< sent behind it
};

}  // namespace plugin::redis
