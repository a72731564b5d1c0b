// How much of a processor the calling thread may have when others want it, too.
// Owner: pure function. Threads: any; it concerns the one that calls.
#pragma once

#include "broker/result.h"

namespace plugin {

/// Makes the calling thread `steps` (see setpriority(2)) nicer than it is, 19 at most.
[[nodiscard]] broker::Status make_thread_nicer(int steps);

}  // namespace plugin
