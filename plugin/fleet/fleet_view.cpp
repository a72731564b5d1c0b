#include "fleet/fleet_view.h"

#include <utility>

namespace plugin {

void FleetView::tell_self(broker::RelayStatus self) {
  self_ = std::move(self);
  others_.erase(self_.id);
  publish();
}

void FleetView::update(std::vector<broker::RelayStatus> relays) {
  const std::int64_t now_ms = clock_.steady_ms();
  std::map<std::string, KnownRelay> next;
  for (broker::RelayStatus& status : relays) {
    if (status.id.empty() || status.id == self_.id) continue;
    const auto before = others_.find(status.id);
    const bool silent = before != others_.end() &&
                        before->second.status.heartbeat_ms == status.heartbeat_ms &&
                        before->second.status.incarnation == status.incarnation;
    const std::int64_t heard_ms = silent ? before->second.heard_ms : now_ms;
    std::string id = status.id;
    next.insert_or_assign(std::move(id), KnownRelay{std::move(status), heard_ms});
    if (next.size() > relays_max) next.erase(std::prev(next.end()));
  }
  others_ = std::move(next);
  publish();
}

std::shared_ptr<const Fleet> FleetView::get() const {
  const std::lock_guard lock(mutex_);
  return fleet_;
}

void FleetView::publish() {
  auto fleet = std::make_shared<Fleet>();
  fleet->self = self_;
  fleet->others.reserve(others_.size());
  for (const auto& [id, known] : others_) fleet->others.push_back(known);
  const std::lock_guard lock(mutex_);
  fleet_ = std::move(fleet);
}

}  // namespace plugin
