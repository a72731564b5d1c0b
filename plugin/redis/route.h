// Which server a command goes to.
// Owner: a client. Threads: the one that runs the event base.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "redis/link.h"
#include "redis/refusal.h"

namespace plugin::redis {

class Route {
 public:
  struct Handlers {
    std::function<void(Link&)> usable;  ///< a server's connection is ready
    std::function<void()> changed;      ///< slots have other servers
  };

  virtual ~Route() = default;
  /// To be called every few milliseconds; the first call begins to connect.
  virtual void tick() = 0;
  /// The link for a key's slot, or any; null when it is not ready.
  [[nodiscard]] virtual Link* pick(std::optional<std::uint16_t> slot) = 0;
  /// The link for a command that was redirected by ASK; null when it is not ready.
  [[nodiscard]] virtual Link* pick_at(const Endpoint&) { return nullptr; }
  virtual void moved(const Redirection&) {}
  /// The slot's server says that the cluster is not as it should be.
  virtual void doubt() {}
  /// The server executes nothing of what it is for: perhaps another one does.
  virtual void unfit(Link& link, const std::string& why) { link.drop(why); }

  [[nodiscard]] virtual std::string problem() const = 0;
  [[nodiscard]] virtual std::int64_t last_contact_ms() const = 0;
  /// Where to subscribe, by preference where that is done `now`.
  [[nodiscard]] virtual std::optional<Endpoint> listen_at(const Endpoint& now) const = 0;
};

/// By the configuration's mode. `world` must outlive it.
[[nodiscard]] std::unique_ptr<Route> make_route(const LinkWorld& world,
                                                const Route::Handlers& handlers);

}  // namespace plugin::redis
