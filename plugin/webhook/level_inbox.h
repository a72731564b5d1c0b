// How accounts stand, on the way from the broker thread to the webhook thread: bounded by the number of
// accounts, and nothing that would have to be told is lost.
// Owner: Webhooks. Threads: one at a time.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "api/event.h"

namespace plugin {

/// The latest standings of one account, oldest first, each a step that may be worth telling.
class LevelSteps {
 public:
  static constexpr std::size_t steps_max = 32;

  /// A usage gives way to what comes after it. Beyond steps_max the latest step is replaced: then the
  /// levels in between are passed over, and the last one is right.
  void add(Event event) {
    if (!steps_.empty() && (steps_.back().kind == EventKind::usage || steps_.size() == steps_max))
      steps_.pop_back();
    steps_.push_back(std::move(event));
  }
  [[nodiscard]] bool empty() const { return steps_.empty(); }
  [[nodiscard]] const Event& front() const { return steps_.front(); }
  void pop() { steps_.pop_front(); }
  [[nodiscard]] std::size_t size() const { return steps_.size(); }

 private:
  std::deque<Event> steps_;
};

using AccountSteps = std::map<std::pair<std::string, broker::MediaType>, LevelSteps>;

}  // namespace plugin
