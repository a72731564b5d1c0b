#include "run_control.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include <atomic>
#include <csignal>
#include <exception>
#include <mutex>
#include <thread>

#include "support/bytes.h"
#include "support/descriptor.h"

namespace turnload {

using turntest::Clock;
using turntest::Descriptor;

void run_threads(std::vector<std::function<void()>> functions, const std::function<void()>& on_stop,
                 const std::function<void()>& each_second) {
  sigset_t stopping;
  ::sigemptyset(&stopping);
  ::sigaddset(&stopping, SIGINT);
  ::sigaddset(&stopping, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stopping, nullptr);
  const Descriptor signals(::signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK));
  const Descriptor done(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

  std::mutex mutex;
  std::exception_ptr failure;  // guarded by mutex
  std::atomic<std::size_t> running = functions.size();
  std::vector<std::thread> threads;
  for (auto& function : functions) {
    threads.emplace_back([&, function = std::move(function)] {
      ::prctl(PR_SET_TIMERSLACK, 1000UL);  // ns; the pacing sleeps for some ten microseconds
      try {
        function();
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
      --running;
      ::eventfd_write(done.get(), 1);
    });
  }
  auto next_second = Clock::now() + std::chrono::seconds(1);
  while (running > 0) {
    pollfd entries[2] = {{signals.get(), POLLIN, 0}, {done.get(), POLLIN, 0}};
    ::poll(entries, 2, turntest::poll_timeout_ms(next_second));
    eventfd_t ignored = 0;
    ::eventfd_read(done.get(), &ignored);
    signalfd_siginfo signal{};
    bool stop = ::read(signals.get(), &signal, sizeof signal) == sizeof signal;
    {
      const std::lock_guard lock(mutex);
      stop = stop || failure;
    }
    if (stop) on_stop();
    if (Clock::now() >= next_second) {
      next_second += std::chrono::seconds(1);
      each_second();
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace turnload
