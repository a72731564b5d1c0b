#include "api/thread_loop.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <new>
#include <system_error>
#include <utility>

namespace plugin {

ThreadLoop::ThreadLoop(event_base* base)
    : base_(base), wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!wake_fd_) throw std::system_error(errno, std::generic_category(), "eventfd");
  wake_.reset(::event_new(
      base, wake_fd_.get(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<ThreadLoop*>(self)->run_waiting(); },
      this));
  if (!wake_ || ::event_add(wake_.get(), nullptr) != 0) throw std::bad_alloc();
}

void ThreadLoop::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_.get(), &one, sizeof one);
}

bool ThreadLoop::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || waiting_.size() >= waiting_max) return false;
    waiting_.push_back(std::move(work));
  }
  wake();
  return true;
}

void ThreadLoop::run_waiting() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_fd_.get(), &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) ::event_base_loopbreak(base_);
    work.swap(waiting_);
  }
  for (const auto& each : work) each();
}

void ThreadLoop::stop() {
  std::vector<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
  }
  wake();
}

}  // namespace plugin
