// Which system calls a relay makes once it has started, and which only somebody makes who has broken into it.
// Those whose arguments matter are in seccomp_filter.cpp. Owner: constants. Threads: any.
#pragma once

#include <span>

namespace plugin {

/// Allowed whatever their arguments are. All that the packet path needs is here: the kernel remembers of such calls
/// that they are allowed, and does not run the filter for them. A name that an architecture or libseccomp does not
/// know is none.
[[nodiscard]] std::span<const char* const> needed_calls();

/// These end the process. No library that a relay uses tries them to see whether they work.
[[nodiscard]] std::span<const char* const> deadly_calls();

}  // namespace plugin
