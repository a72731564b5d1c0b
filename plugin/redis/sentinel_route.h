// The master that sentinels name. Each connection to it begins with ROLE, as what a sentinel says may be
// out of date. Owner: a client. Threads: the one that runs the event base.
#pragma once

#include <optional>
#include <string>

#include "redis/route.h"
#include "redis/sentinel_watch.h"

namespace plugin::redis {

class SentinelRoute : public Route {
 public:
  SentinelRoute(const LinkWorld& world, const Handlers& handlers)
      : master_(world, Link::Kind::master,
                {.ready = handlers.usable, .lost = [this](Link&) { watch_.look_again(); }}),
        watch_(world, [this](const Endpoint& master, bool switched) {
          known_ = master;
          master_.keep(master, switched);
        }) {}

  void tick() override {
    watch_.tick();
    master_.tick();
  }
  Link* pick(std::optional<std::uint16_t>) override {
    return master_.is_ready() ? &master_ : nullptr;
  }
  [[nodiscard]] std::string problem() const override {
    if (known_) return master_.problem();
    return "no sentinel names the master; " + watch_.problem();
  }
  [[nodiscard]] std::int64_t last_contact_ms() const override { return master_.last_contact_ms(); }
  [[nodiscard]] std::optional<Endpoint> listen_at(const Endpoint&) const override { return known_; }

 private:
  std::optional<Endpoint> known_;
  Link master_;
  SentinelWatch watch_;
};

}  // namespace plugin::redis
