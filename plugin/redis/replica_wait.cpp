#include "redis/replica_wait.h"

#include <algorithm>
#include <utility>

#include "redis/refusal.h"

namespace plugin::redis {

void ReplicaWait::after_sent(std::uint32_t replicas, OnDone on_done) {
  next_.push_back({replicas, std::move(on_done)});
  if (covered_.empty()) send_for_all();
}

void ReplicaWait::send_for_all() {
  covered_ = std::exchange(next_, {});
  std::uint32_t most = 0;
  for (const Waiter& waiter : covered_) most = std::max(most, waiter.replicas);
  if (most > 0) send_(most, [this](const broker::Result<Reply>& reply) { settle(reply); });
}

void ReplicaWait::settle(const broker::Result<Reply>& reply) {
  const std::vector<Waiter> waiters = std::exchange(covered_, {});
  if (!next_.empty() && reply) send_for_all();
  for (const Waiter& waiter : waiters) {
    if (!reply) {
      waiter.on_done(reply.error());
    } else if (!reply.value().is_integer()) {
      waiter.on_done(broker::Error{"WAIT is refused: " + one_line(reply.value().text)});
    } else if (reply.value().integer < std::int64_t{waiter.replicas}) {
      waiter.on_done(broker::Error{"WAIT: " + std::to_string(reply.value().integer) + " of " +
                                   std::to_string(waiter.replicas) +
                                   " replicas acknowledged within " + std::to_string(wait_ms_) +
                                   " ms"});
    } else {
      waiter.on_done(broker::Nothing{});
    }
  }
}

void ReplicaWait::fail(const broker::Error& error) {
  for (const Waiter& waiter : std::exchange(next_, {})) waiter.on_done(error);
}

}  // namespace plugin::redis
