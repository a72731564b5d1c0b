// Nothing a hook throws may cross into C.
// Owner: the entry. Threads: any.
#pragma once

#include <exception>
#include <utility>

#include "host.h"

namespace plugin {

/// The function's result, or `otherwise` when it throws: the verdict that refuses.
template <typename Result, typename Function>
Result guarded(const Host& host, const char* hook, Result otherwise, Function&& function) noexcept {
  try {
    return std::forward<Function>(function)();
  } catch (const std::exception& error) {
    try {
      host.error("{}: {}", hook, error.what());
    } catch (...) {  // not even a log line: refuse in silence
    }
  } catch (...) {
  }
  return otherwise;
}

}  // namespace plugin
