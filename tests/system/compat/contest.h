// Runs scenarios of coturn's client against servers, many at a time, because each spends most of
// its seconds waiting.
//
// Owner: the test. Threads: run_all has some of its own; what it returns is the caller's.
#pragma once

#include <functional>
#include <map>

#include "contestant.h"
#include "support/udp_peer.h"
#include "uclient.h"

namespace compat {

/// Echoing peers on two ports in a row for each family: the client sends its RTCP to the second.
class EchoPeers {
 public:
  EchoPeers();
  [[nodiscard]] const PeerPorts& ports() const { return ports_; }

 private:
  struct Pair {
    std::unique_ptr<turntest::UdpPeer> first, second;
    explicit Pair(int family);
  };
  Pair ipv4_, ipv6_;
  PeerPorts ports_;
};

struct Task {
  Server* server = nullptr;
  const Scenario* scenario = nullptr;
  Login login;
};

inline constexpr int runs_at_once_max = 24;

/// In the order of the tasks. A run that did not end in time has exit status -1 and the reason as
/// output.
[[nodiscard]] std::vector<Run> run_all(const std::vector<Task>& tasks, const PeerPorts& peers);

}  // namespace compat
