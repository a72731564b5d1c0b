#include "redis/cluster_route.h"

#include <algorithm>
#include <utility>

namespace plugin::redis {

namespace {

/// Redirections come in swarms.
constexpr std::int64_t look_interval_ms = 100;
/// A server that is importing a slot is not listed, and its answers are still to come.
constexpr std::int64_t forget_after_ms = 5'000;

}  // namespace

ClusterRoute::ClusterRoute(const LinkWorld& world, Handlers handlers)
    : world_(world),
      handlers_(std::move(handlers)),
      looked_ms_(world.clock.steady_ms() - look_interval_ms),
      probe_(world, Link::Kind::server,
             {.ready = [this](Link&) { ask(); },
              .lost =
                  [this](Link& link) {
                    // After an answer it rests; else the next server is asked, after the back-off.
                    if (link.is_resting()) return;
                    if (const auto next = candidate(++attempt_)) link.keep(*next);
                  }}) {}

/// Those that are listed and then those of the configuration, in turn.
std::optional<Endpoint> ClusterRoute::candidate(std::size_t number) const {
  std::vector<Endpoint> all;
  for (const auto& [endpoint, master] : masters_)
    if (master.listed) all.push_back(endpoint);
  for (const broker::RedisAddress& address : world_.config.addresses)
    all.push_back(endpoint_of(address));
  return all[number % all.size()];
}

void ClusterRoute::look() { wanted_ = true; }

void ClusterRoute::tick() {
  const std::int64_t now_ms = world_.clock.steady_ms();
  if (now_ms - looked_ms_ >= world_.tuning.topology_interval_ms) wanted_ = true;
  if (wanted_ && probe_.is_resting() && now_ms - looked_ms_ >= look_interval_ms) {
    looked_ms_ = now_ms;
    if (const auto next = candidate(attempt_)) probe_.keep(*next);
  }
  probe_.tick();
  for (auto& [endpoint, master] : masters_) master.link->tick();
  forget_unlisted();
}

void ClusterRoute::ask() {
  wanted_ = false;  // what makes it doubtful from here on is asked for again
  looked_ms_ = world_.clock.steady_ms();
  probe_.send({"CLUSTER", "SLOTS"}, [this](const broker::Result<Reply>& reply, std::int64_t) {
    const auto ranges = reply ? parse_topology(reply.value(), probe_.endpoint().host)
                              : broker::Result<std::vector<SlotRange>>(reply.error());
    if (ranges) {
      probe_.rest();
      return apply(ranges.value());
    }
    wanted_ = true;
    if (reply) probe_.drop(ranges.error().message);
  });
}

void ClusterRoute::apply(const std::vector<SlotRange>& ranges) {
  const std::int64_t now_ms = world_.clock.steady_ms();
  known_ = true;
  owners_.fill(nullptr);
  for (auto& [endpoint, master] : masters_) {
    if (master.listed) master.unlisted_ms = now_ms;
    master.listed = false;
  }
  for (const SlotRange& range : ranges) {
    Link* link = link_to(range.master);
    if (link == nullptr) continue;
    masters_.at(range.master).listed = true;
    std::fill(owners_.begin() + range.first, owners_.begin() + range.last + 1, link);
  }
  handlers_.changed();
}

/// Null when there are too many, which no honest cluster has.
Link* ClusterRoute::link_to(const Endpoint& endpoint) {
  const auto found = masters_.find(endpoint);
  if (found != masters_.end()) return found->second.link.get();
  if (masters_.size() >= 2 * masters_max) return nullptr;
  Master master;
  master.unlisted_ms = world_.clock.steady_ms();
  master.link = std::make_unique<Link>(
      world_, Link::Kind::master,
      Link::Handlers{.ready = handlers_.usable, .lost = [this](Link&) { look(); }});
  master.link->keep(endpoint);
  return masters_.emplace(endpoint, std::move(master)).first->second.link.get();
}

void ClusterRoute::forget_unlisted() {
  const std::int64_t now_ms = world_.clock.steady_ms();
  std::erase_if(masters_, [&](const auto& entry) {
    const Master& master = entry.second;
    const bool named =
        std::find(owners_.begin(), owners_.end(), master.link.get()) != owners_.end();
    return !master.listed && now_ms - master.unlisted_ms >= forget_after_ms &&
           master.link->is_idle() && !named;
  });
}

Link* ClusterRoute::pick(std::optional<std::uint16_t> slot) {
  if (slot) {
    used_.insert(*slot);
    Link* owner = owners_.at(*slot);
    if (known_ && owner == nullptr) look();
    return owner != nullptr && owner->is_ready() ? owner : nullptr;
  }
  for (const auto& [endpoint, master] : masters_)
    if (master.listed && master.link->is_ready()) return master.link.get();
  return nullptr;
}

Link* ClusterRoute::pick_at(const Endpoint& endpoint) {
  Link* link = link_to(endpoint);
  return link != nullptr && link->is_ready() ? link : nullptr;
}

void ClusterRoute::moved(const Redirection& redirection) {
  if (Link* link = link_to(redirection.to)) owners_.at(redirection.slot) = link;
  look();
}

void ClusterRoute::unfit(Link& link, const std::string& why) {
  link.drop(why);
  look();
}

std::string ClusterRoute::problem() const {
  if (!known_) return probe_.problem();
  for (const std::uint16_t slot : used_) {
    const Link* owner = owners_.at(slot);
    if (owner == nullptr) return "no server of the cluster serves slot " + std::to_string(slot);
    if (std::string problem = owner->problem(); !problem.empty()) return problem;
  }
  std::string problem = "no server of the cluster is connected";
  for (const auto& [endpoint, master] : masters_) {
    if (!master.listed) continue;
    if (master.link->is_ready()) return "";
    problem = master.link->problem();
  }
  return problem;
}

std::int64_t ClusterRoute::last_contact_ms() const {
  std::optional<std::int64_t> oldest;
  const auto take = [&](std::int64_t ms) { oldest = std::min(oldest.value_or(ms), ms); };
  for (const std::uint16_t slot : used_)
    take(owners_.at(slot) != nullptr ? owners_.at(slot)->last_contact_ms() : no_contact_ms);
  if (used_.empty())
    for (const auto& [endpoint, master] : masters_)
      if (master.listed) take(master.link->last_contact_ms());
  return oldest.value_or(no_contact_ms);
}

std::optional<Endpoint> ClusterRoute::listen_at(const Endpoint& now) const {
  std::optional<Endpoint> ready;
  for (const auto& [endpoint, master] : masters_) {
    if (!master.listed || !master.link->is_ready()) continue;
    if (endpoint == now) return endpoint;
    if (!ready) ready = endpoint;
  }
  return ready;
}

}  // namespace plugin::redis
