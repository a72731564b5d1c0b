// A thread of the plugin's own: signals are the host's business, whose threads handle them, and it has no capability.
// Owner: whoever joins it. Threads: any may make one.
#pragma once

#include <functional>
#include <thread>

namespace plugin {

/// Returns once the new thread has no capabilities. Throws std::system_error when there can be no more.
[[nodiscard]] std::thread background_thread(std::function<void()> run);

}  // namespace plugin
