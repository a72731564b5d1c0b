// The other relays of a fleet, as far as the registry goes: they tell how they do, and ask for nothing.
// Owner: the run. Threads: has one of its own.
#pragma once

#include <atomic>
#include <thread>

#include "broker/config.h"
#include "clock.h"
#include "host.h"

namespace fleet_bench {

class OtherRelays {
 public:
  /// All borrowed.
  OtherRelays(const plugin::Clock& clock, const plugin::Host& host,
              const broker::RedisConfig& config, std::size_t count);
  ~OtherRelays();
  OtherRelays(const OtherRelays&) = delete;
  OtherRelays& operator=(const OtherRelays&) = delete;

 private:
  void run(const plugin::Clock& clock, const plugin::Host& host, const broker::RedisConfig& config,
           std::size_t count);

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace fleet_bench
