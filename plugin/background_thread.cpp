#include "background_thread.h"

#include <csignal>
#include <latch>
#include <memory>
#include <utility>

#include "sandbox/capabilities.h"

namespace plugin {

std::thread background_thread(std::function<void()> run) {
  // The filter that start() puts on all threads ends whoever asks for capset: that must be over by then.
  // Shared, as whoever waits may be gone before the thread has told the last of the waiting.
  const auto ready = std::make_shared<std::latch>(1);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread([ready, run = std::move(run)] {
      drop_thread_capabilities();
      ready->count_down();
      run();
    });
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ready->wait();
  return thread;
}

}  // namespace plugin
