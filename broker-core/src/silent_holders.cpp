#include "broker/silent_holders.h"

#include <utility>

namespace broker {

void SilentHolders::saw(const std::vector<HolderMark>& holders, std::int64_t now_ms) {
  std::map<Incarnation, Seen> seen;
  for (const HolderMark& mark : holders) {
    const auto before = seen_.find(mark.who);
    const bool same = before != seen_.end() && before->second.sequence == mark.sequence;
    seen[mark.who] = {mark.sequence, same ? before->second.since_ms : now_ms};
  }
  seen_ = std::move(seen);
}

std::vector<HolderMark> SilentHolders::silent(std::int64_t now_ms, std::int64_t silent_ms) const {
  std::vector<HolderMark> found;
  for (const auto& [who, seen] : seen_)
    if (now_ms - seen.since_ms >= silent_ms) found.push_back({who, seen.sequence});
  return found;
}

void SilentHolders::forget(const std::vector<HolderMark>& told) {
  for (const HolderMark& mark : told) seen_.erase(mark.who);
}

}  // namespace broker
