// Events on their way from the broker thread to the HTTP thread: bounded, and never waited for.
// Owner: EventHub. Threads: push on the broker thread, take on the HTTP thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "api/event.h"

namespace plugin {

class EventQueue {
 public:
  explicit EventQueue(std::size_t events_max) : events_max_(events_max) {}

  /// Drops nothing that waits already.
  void set_events_max(std::size_t events_max);

  /// When events_max wait, the oldest usage is dropped, for a later one says more; without one, the
  /// oldest event. True when the queue was empty: then somebody has to be woken.
  bool push(const Event& event);
  struct Batch {
    std::uint64_t lost = 0;  ///< events but usage that were dropped, all older than `events`
    std::vector<Event> events;
  };
  /// All that wait, in their order.
  [[nodiscard]] Batch take();
  /// Usage included.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  using Numbered = std::pair<std::uint64_t, Event>;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::size_t events_max_;
  std::deque<Numbered> usage_;
  std::deque<Numbered> others_;
  std::uint64_t next_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t lost_ = 0;  ///< since the last take()
};

}  // namespace plugin
