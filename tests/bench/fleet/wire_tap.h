// What the clients of this process send to Redis, counted by kind of command: an operation is a command
// that a client sends, whatever it makes the server do.
// Owner: the process. Threads: the one that runs the event base.
//
// The linker puts the tap in front of redis::Stream::write (CMakeLists.txt), for the server itself counts
// the commands of scripts, too, and does not tell one script from another.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace fleet_bench {

struct Sent {
  std::uint64_t commands = 0;
  std::uint64_t octets = 0;
};
using SentByKind = std::map<std::string, Sent>;

/// Since the process began. A kind is a script's name ("exchange") or a command in lower case.
[[nodiscard]] SentByKind sent_by_kind();

}  // namespace fleet_bench
