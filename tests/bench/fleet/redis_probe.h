// What the server tells of itself, and the differences of two tellings.
// Owner: the run. Threads: the one that runs the event base.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "redis/client.h"

namespace fleet_bench {

/// One answer to INFO all.
struct ServerState {
  std::int64_t at_us = 0;      ///< steady
  double main_cpu_s = 0;       ///< of the thread that executes commands
  double children_cpu_s = 0;   ///< that rewrite the append-only file
  std::uint64_t commands = 0;  ///< those of scripts, too
  std::uint64_t received_octets = 0;
  std::uint64_t sent_octets = 0;
  std::uint64_t memory_octets = 0;
  struct Calls {
    std::uint64_t calls = 0;
    std::uint64_t usec = 0;
  };
  std::map<std::string, Calls> by_command;
};

[[nodiscard]] ServerState state_in(const std::string& info);
/// `done` gets nothing when there is no answer.
void ask_state(plugin::redis::Client& client, std::function<void(const ServerState*)> done);

}  // namespace fleet_bench
