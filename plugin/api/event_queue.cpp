#include "api/event_queue.h"

namespace plugin {

bool EventQueue::push(const Event& event) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = usage_.empty() && others_.empty();
  if (usage_.size() + others_.size() >= events_max_) {
    auto& victims = usage_.empty() ? others_ : usage_;
    victims.pop_front();
    ++dropped_;
  }
  auto& queue = event.kind == EventKind::usage ? usage_ : others_;
  queue.emplace_back(next_++, event);
  return was_empty;
}

std::vector<Event> EventQueue::take() {
  std::deque<Numbered> usage;
  std::deque<Numbered> others;
  {
    const std::lock_guard lock(mutex_);
    usage.swap(usage_);
    others.swap(others_);
  }
  std::vector<Event> events;
  events.reserve(usage.size() + others.size());
  while (!usage.empty() || !others.empty()) {
    const bool from_usage =
        others.empty() || (!usage.empty() && usage.front().first < others.front().first);
    auto& queue = from_usage ? usage : others;
    events.push_back(std::move(queue.front().second));
    queue.pop_front();
  }
  return events;
}

std::uint64_t EventQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace plugin
