// The three things turnload can do. Each returns the exit status: 0, or 1 when not one allocation
// was made. Owner: main. Threads: the main thread; they start their own.
#pragma once

#include "options.h"

namespace turnload {

[[nodiscard]] int run_traffic(const Options& options);
[[nodiscard]] int run_cycles(const Options& options);
[[nodiscard]] int run_hold(const Options& options);

}  // namespace turnload
