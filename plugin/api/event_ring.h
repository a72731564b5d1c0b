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
  /// So many events happened that nobody can be told any more: they have numbers, and neither they nor
  /// earlier ones are left.
  void lose(std::uint64_t events) {
    events_.clear();
    last_ += events;
  }
  [[nodiscard]] std::string id_of(std::uint64_t number) const {
    return life_ + "-" + std::to_string(number);
  }
  /// The id of the latest event; of number 0 when there was none yet.
  [[nodiscard]] std::string last_id() const { return id_of(last_); }

  /// The number in an id that this ring gave; nothing when it is another's, or none at all.
  [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view id) const;

  /// The number of the latest event, and of the oldest that is left; last + 1 when none is.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] std::uint64_t first() const { return last_ - events_.size() + 1; }
  /// first() <= number <= last().
  [[nodiscard]] const Event& at(std::uint64_t number) const {
    return events_[static_cast<std::size_t>(number - first())];
  }

 private:
  const std::string life_;
  const std::size_t events_max_;
  std::deque<Event> events_;
  std::uint64_t last_ = 0;
};

}  // namespace plugin
