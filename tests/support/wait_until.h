// Waiting for something to become true, with a deadline.
// Owner: the test. Threads: an Event may be notified and waited for by any.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "support/bytes.h"

namespace turntest {

/// Says "something changed, look again". Has no state of its own to read.
class Event {
 public:
  void notify() {
    {
      const std::lock_guard lock(mutex_);
      ++generation_;
    }
    changed_.notify_all();
  }
  [[nodiscard]] std::uint64_t generation() {
    const std::lock_guard lock(mutex_);
    return generation_;
  }
  /// Until generation() is past `seen`, or the deadline.
  void wait(std::uint64_t seen, TimePoint deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return generation_ != seen; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t generation_ = 0;  ///< guarded by mutex_
};

/// True as soon as predicate() is, false when `timeout` has passed. Looks again when `event` is
/// notified; without one, for what nobody announces (a process, a file), every two milliseconds.
template <typename Predicate>
bool wait_until(Milliseconds timeout, Predicate predicate, Event* event = nullptr) {
  const TimePoint deadline = Clock::now() + timeout;
  Event unannounced;
  for (;;) {
    const std::uint64_t seen = event != nullptr ? event->generation() : 0;
    if (predicate()) return true;
    const TimePoint now = Clock::now();
    if (now >= deadline) return false;
    if (event != nullptr)
      event->wait(seen, deadline);
    else
      unannounced.wait(0, std::min(deadline, now + Milliseconds(2)));
  }
}

}  // namespace turntest
