#include "api/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace plugin {

broker::Status make_thread_nicer(int steps) {
  constexpr int nicest = 19;
  // For Linux a thread's id is a process's: the other threads stay as they are.
  const auto thread = static_cast<id_t>(::gettid());
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, thread);
  if (errno == 0) ::setpriority(PRIO_PROCESS, thread, std::min(now + steps, nicest));
  if (errno != 0) return broker::Error{std::generic_category().message(errno)};
  return broker::Nothing{};
}

}  // namespace plugin
