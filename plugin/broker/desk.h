// What other threads ask of the broker thread, in the order they asked.
// Owner: the broker. Threads: push any; take the broker thread.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "ctl/control.h"

namespace plugin {

class Desk {
 public:
  using Work = std::function<void(Control&)>;
  static constexpr std::size_t waiting_max = 256;  ///< each may take some milliseconds

  /// False when too much waits already, or after close().
  [[nodiscard]] bool push(Work work) {
    const std::lock_guard lock(mutex_);
    if (closed_ || waiting_.size() >= waiting_max) return false;
    waiting_.push_back(std::move(work));
    return true;
  }

  [[nodiscard]] std::vector<Work> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  /// Nothing is taken any more.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

 private:
  std::mutex mutex_;
  std::vector<Work> waiting_;  ///< guarded by mutex_
  bool closed_ = false;        ///< guarded by mutex_
};

}  // namespace plugin
