// The host's table for parts that run without coturn: what they log as warnings or errors is told and
// counted. One at a time.
// Owner: the run. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <iostream>

#include "host.h"

namespace fleet_bench {

class BenchHost {
 public:
  BenchHost() {
    errors_seen = 0;
    table_.size = sizeof table_;
    table_.abi_version = TURN_PLUGIN_ABI_VERSION;
    table_.log = [](turn_log_level level, const char* text) {
      if (level == TURN_LOG_INFO || ++errors_seen > errors_told_max) return;
      std::cerr << text << '\n';
    };
    table_.cancel_allocation = [](std::uint64_t, turn_close_reason) { return TURN_SERVICE_OK; };
  }

  [[nodiscard]] const plugin::Host& host() const { return host_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_seen; }

 private:
  static constexpr std::uint64_t errors_told_max = 10;
  static inline std::atomic<std::uint64_t> errors_seen = 0;
  turn_host table_{};
  plugin::Host host_{&table_};
};

}  // namespace fleet_bench
