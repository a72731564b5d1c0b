// What this process, or the calling thread, has computed so far.
// Owner: pure functions. Threads: any.
#pragma once

#include <ctime>

namespace fleet_bench {

[[nodiscard]] inline double cpu_s(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

[[nodiscard]] inline double process_cpu_s() { return cpu_s(CLOCK_PROCESS_CPUTIME_ID); }
[[nodiscard]] inline double thread_cpu_s() { return cpu_s(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace fleet_bench
