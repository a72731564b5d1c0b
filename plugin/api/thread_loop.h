// Work that other threads hand to the thread that runs an event base.
// Owner: shared by the thread and those who post. Threads: post any; all else the loop's thread, or
// one that stands in for it while nothing runs the base.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "http/handles.h"
#include "unique_fd.h"

namespace plugin {

class ThreadLoop {
 public:
  static constexpr std::size_t waiting_max = 16'384;

  /// `base` is borrowed until detach(). Throws std::bad_alloc and std::system_error.
  explicit ThreadLoop(event_base* base);
  ThreadLoop(const ThreadLoop&) = delete;
  ThreadLoop& operator=(const ThreadLoop&) = delete;
  ~ThreadLoop() = default;

  /// Runs `work` on the loop's thread, in the order of the calls. False, and it is not run, when too
  /// much is waiting or the loop has been stopped.
  [[nodiscard]] bool post(std::function<void()> work);
  /// [any] Nothing is taken any more, what waits is dropped, and the loop ends.
  void stop();
  /// The base may go.
  void detach() { wake_.reset(); }

 private:
  void run_waiting();
  void wake();

  event_base* base_;

  UniqueFd wake_fd_;
  http::EventHandle wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> waiting_;  ///< guarded by mutex_
  bool stopped_ = false;                        ///< guarded by mutex_
};

}  // namespace plugin
