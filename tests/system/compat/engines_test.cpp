// coturn spreads its work over threads in several ways; what it relays does not depend on which.
#include <catch2/catch.hpp>

#include "rounds.h"

using namespace compat;

TEST_CASE("every network engine and number of relay threads serves alike, and counts exactly") {
  const std::vector<Scenario> scenarios = {
      {.name = "udp", .options = {}, .far_end = FarEnd::peer_ipv4},
      {.name = "tcp-send", .options = {"-t", "-s"}, .far_end = FarEnd::peer_ipv4},
      {.name = "tcp-relay", .options = {"-T"}},
  };
  std::vector<Round> rounds;
  for (const int relay_threads : {0, 1, 3}) {
    for (const std::string engine : {"1", "2", "3"}) {
      rounds.push_back({"engine " + engine + ", threads " + std::to_string(relay_threads),
                        login("gorst", "hero"),
                        start_all({.config = "lt-cred-mech\nuser=gorst:hero",
                                   .arguments = {"--ne=" + engine},
                                   .relay_threads = relay_threads})});
    }
  }
  check_rounds(rounds, scenarios);
}
