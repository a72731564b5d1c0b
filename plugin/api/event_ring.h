// The events of a moment ago, for a watcher whose connection broke. Usage is not among them: what it
// is now says more.
// Owner: EventHub. Threads: the HTTP thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "api/event.h"

namespace plugin {

class EventRing {
 public:
  /// `life` names this life of the process: an id of an earlier one is not mistaken for one of this.
  EventRing(std::string life, std::size_t events_max)
      : life_(std::move(life)), events_max_(events_max) {}

  /// The event's number, from 1 on.
  std::uint64_t add(const Event& event);
  [[nodiscard]] std::string id_of(std::uint64_t number) const {
    return life_ + "-" + std::to_string(number);
  }
  /// The id of the latest event; of number 0 when there was none yet.
  [[nodiscard]] std::string last_id() const { return id_of(last_); }

  /// The number in an id that this ring gave; nothing when it is another's, or none at all.
  [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view id) const;

  /// visit(number, event) for what is left of the events after `number`, oldest first.
  template <typename Visit>
  void for_each_after(std::uint64_t number, Visit&& visit) const {
    const std::uint64_t first = last_ - events_.size() + 1;
    for (std::size_t i = number < first ? 0 : number - first + 1; i < events_.size(); ++i)
      visit(first + i, events_[i]);
  }

 private:
  const std::string life_;
  const std::size_t events_max_;
  std::deque<Event> events_;
  std::uint64_t last_ = 0;
};

}  // namespace plugin
