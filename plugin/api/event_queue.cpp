#include "api/event_queue.h"

namespace plugin {

void EventQueue::set_events_max(std::size_t events_max) {
  const std::lock_guard lock(mutex_);
  events_max_ = events_max;
}

bool EventQueue::push(const Event& event) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = usage_.empty() && others_.empty();
  if (usage_.size() + others_.size() >= events_max_) {
    auto& victims = usage_.empty() ? others_ : usage_;
    if (usage_.empty()) ++lost_;
    victims.pop_front();
    ++dropped_;
  }
  auto& queue = event.kind == EventKind::usage ? usage_ : others_;
  queue.emplace_back(next_++, event);
  return was_empty;
}

EventQueue::Batch EventQueue::take() {
  Batch batch;
  std::deque<Numbered> usage;
  std::deque<Numbered> others;
  {
    const std::lock_guard lock(mutex_);
    usage.swap(usage_);
    others.swap(others_);
    batch.lost = std::exchange(lost_, 0);
  }
  batch.events.reserve(usage.size() + others.size());
  while (!usage.empty() || !others.empty()) {
    const bool from_usage =
        others.empty() || (!usage.empty() && usage.front().first < others.front().first);
    auto& queue = from_usage ? usage : others;
    batch.events.push_back(std::move(queue.front().second));
    queue.pop_front();
  }
  return batch;
}

std::uint64_t EventQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace plugin
