// Records of the log that clients bring about by what they send: so many a second at most, as anybody can go on for as
// long as he likes; how many were left out is written, too. coturn's own of this kind are bounded likewise.
// Owner: the relay side. Threads: any.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "clock.h"
#include "host.h"

namespace plugin {

class ClientLog {
 public:
  static constexpr std::uint32_t records_per_second = 10;

  /// Both are borrowed.
  ClientLog(const Host& host, const Clock& clock) : host_(host), clock_(clock) {}

  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    if (may_write()) host_.warning(format, std::forward<Args>(args)...);
  }

 private:
  bool may_write();

  const Host& host_;
  const Clock& clock_;
  /// A second, and in the lower half how many records were wanted in it.
  std::atomic<std::uint64_t> wanted_{0};
};

}  // namespace plugin
