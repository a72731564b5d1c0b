// The same scenarios for several set-ups of the three servers, and what must come of it: every client gets
// what it should, the plugin counts what was relayed, and its server ends in peace.
//
// Owner: the test. Threads: one.
#pragma once

#include "contest.h"

namespace compat {

struct Round {
  std::string name;
  Login login;
  ServerOptions options;
  std::vector<std::unique_ptr<Server>> servers = {};  ///< one of each contestant; check_rounds's
};

/// Starts the servers, runs all at the same time and checks with Catch. The client loses messages
/// of its own when the machine is busy: a round of which a run is not as expected is played again,
/// on new servers.
void check_rounds(std::vector<Round>& rounds, const std::vector<Scenario>& scenarios);

/// The names of the users in the usage records of the round's plugin.
[[nodiscard]] std::vector<std::string> recorded_clients(const Round& round);

}  // namespace compat
