// The two clocks. Tests of the runtime bring their own.
// Owner: whoever made it. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>

namespace plugin {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall time for credentials, periods and records.
  [[nodiscard]] virtual std::int64_t unix_ms() const {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
  /// Never goes back; for rates and deadlines.
  [[nodiscard]] virtual std::int64_t steady_ms() const {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
  }
};

}  // namespace plugin
