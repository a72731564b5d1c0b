// What a process may set for itself without having any right, before it holds secrets. Owner: none. Threads: main,
// before there are others: what is of threads they inherit.
#pragma once

#include "broker/result.h"

namespace plugin {

/// Nothing that is executed gives privileges any more (PR_SET_NO_NEW_PRIVS).
[[nodiscard]] broker::Status take_no_new_privileges();

/// No core dump, and no look by other processes of the same user (PR_SET_DUMPABLE, RLIMIT_CORE).
[[nodiscard]] broker::Status forbid_core_dumps();

/// After a change of user or group, with which the kernel has forbidden them.
[[nodiscard]] broker::Status allow_core_dumps();

/// True in a build whose sanitizer needs what a sandbox forbids: LeakSanitizer traces the process from within.
[[nodiscard]] bool is_sanitized();

}  // namespace plugin
