// The client's subscription, kept up on a connection of its own.
// Owner: a client. Threads: the one that runs the event base.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "redis/link.h"
#include "redis/route.h"

namespace plugin::redis {

class Listener {
 public:
  Listener(const LinkWorld& world, const Route& route, std::vector<std::string> channels,
           Client::OnMessage on_message, std::function<void()> on_subscribed);

  void tick();

  /// What the subscription failed for; empty once it stands.
  [[nodiscard]] std::string problem() const;

 private:
  void subscribe();
  void pushed(const Reply& reply);

  const Route& route_;
  std::vector<std::string> channels_;
  Client::OnMessage on_message_;
  std::function<void()> on_subscribed_;
  std::size_t confirmed_ = 0;  ///< channels of this connection
  Link link_;
};

}  // namespace plugin::redis
