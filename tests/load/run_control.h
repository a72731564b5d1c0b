// Runs threads until they are done or SIGINT or SIGTERM asks them to stop.
// Owner: main thread. Threads: run() on the main thread.
#pragma once

#include <functional>
#include <vector>

namespace turnload {

/// Starts one thread per function and returns when all have returned. `on_stop` is called for a
/// signal, `each_second` once a second. The first exception of a thread calls `on_stop` and is
/// thrown here.
void run_threads(std::vector<std::function<void()>> functions, const std::function<void()>& on_stop,
                 const std::function<void()>& each_second);

}  // namespace turnload
