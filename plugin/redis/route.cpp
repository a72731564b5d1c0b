#include "redis/route.h"

#include <utility>

#include "redis/cluster_route.h"
#include "redis/sentinel_route.h"

namespace plugin::redis {

namespace {

/// One server, whatever its role.
class SingleRoute : public Route {
 public:
  SingleRoute(const LinkWorld& world, const Handlers& handlers)
      : endpoint_(endpoint_of(world.config.addresses.front())),
        link_(world, Link::Kind::server, {.ready = handlers.usable, .lost = [](Link&) {}}) {}

  void tick() override {
    if (!begun_) link_.keep(endpoint_);
    begun_ = true;
    link_.tick();
  }
  Link* pick(std::optional<std::uint16_t>) override { return link_.is_ready() ? &link_ : nullptr; }
  [[nodiscard]] std::string problem() const override { return link_.problem(); }
  [[nodiscard]] std::int64_t last_contact_ms() const override { return link_.last_contact_ms(); }
  [[nodiscard]] std::optional<Endpoint> listen_at(const Endpoint&) const override {
    return endpoint_;
  }

 private:
  Endpoint endpoint_;
  Link link_;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Route> make_route(const LinkWorld& world, const Route::Handlers& handlers) {
  switch (world.config.mode) {
    case broker::RedisMode::sentinel: return std::make_unique<SentinelRoute>(world, handlers);
    case broker::RedisMode::cluster: return std::make_unique<ClusterRoute>(world, handlers);
    case broker::RedisMode::single: break;
  }
  return std::make_unique<SingleRoute>(world, handlers);
}

}  // namespace plugin::redis
