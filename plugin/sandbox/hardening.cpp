#include "sandbox/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace plugin {

namespace {

broker::Error failed(const char* what) {
  return broker::Error{std::string(what) + ": " + std::generic_category().message(errno)};
}

}  // namespace

broker::Status take_no_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  return broker::Nothing{};
}

broker::Status forbid_core_dumps() {
  // A handler that core_pattern names gets a core whatever the limit is; for such there is the other one.
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("limit of core dumps");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("no core dumps");
  return broker::Nothing{};
}

broker::Status allow_core_dumps() {
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return failed("core dumps");
  return broker::Nothing{};
}

bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
  return true;
#else
  return false;
#endif
#else
  return false;
#endif
}

}  // namespace plugin
