// The masters of a cluster, each with a connection of its own, and who serves which slot.
// Owner: a client. Threads: the one that runs the event base.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "redis/route.h"
#include "redis/slot.h"
#include "redis/topology.h"

namespace plugin::redis {

class ClusterRoute : public Route {
 public:
  ClusterRoute(const LinkWorld& world, Handlers handlers);

  void tick() override;
  [[nodiscard]] Link* pick(std::optional<std::uint16_t> slot) override;
  [[nodiscard]] Link* pick_at(const Endpoint& endpoint) override;
  void moved(const Redirection& redirection) override;
  void doubt() override { look(); }
  void unfit(Link& link, const std::string& why) override;
  [[nodiscard]] std::string problem() const override;
  [[nodiscard]] std::int64_t last_contact_ms() const override;
  [[nodiscard]] std::optional<Endpoint> listen_at(const Endpoint& now) const override;

 private:
  struct Master {
    std::unique_ptr<Link> link;
    bool listed = false;           ///< in the topology
    std::int64_t unlisted_ms = 0;  ///< since when it is not
  };

  void look();
  void ask();
  void apply(const std::vector<SlotRange>& ranges);
  [[nodiscard]] std::optional<Endpoint> candidate(std::size_t number) const;
  Link* link_to(const Endpoint& endpoint);
  void forget_unlisted();

  const LinkWorld& world_;
  Handlers handlers_;
  std::map<Endpoint, Master> masters_;
  std::array<Link*, slots> owners_{};  ///< in masters_
  std::set<std::uint16_t> used_;       ///< slots that commands were routed to
  bool known_ = false;                 ///< the topology, once
  bool wanted_ = true;                 ///< is to be asked for
  std::int64_t looked_ms_;             ///< when it was asked for, or began to be
  std::size_t attempt_ = 0;
  Link probe_;
};

}  // namespace plugin::redis
