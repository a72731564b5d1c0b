// coturn spreads its work over threads in several ways; what it relays does not depend on which.
#include <catch2/catch.hpp>

#include "rounds.h"

using namespace compat;

TEST_CASE(
    "whatever the network engine and the number of relay threads, all is served and counted "
    "alike") {
  const std::vector<Scenario> scenarios = {
      {.name = "udp", .options = {}, .far_end = FarEnd::peer_ipv4},
      {.name = "tcp-send", .options = {"-t", "-s"}, .far_end = FarEnd::peer_ipv4},
      {.name = "tcp-relay", .options = {"-T", "-z", slow_ms}},
  };
  std::vector<Round> rounds;
  // Without relay threads the main thread serves; engine 3 has threads of its own for UDP.
  const std::vector<std::pair<std::string, int>> variants = {
      {"1", 0}, {"3", 0}, {"2", 1}, {"1", 3}, {"3", 3}};
  for (const auto& [engine, relay_threads] : variants) {
    rounds.push_back({"engine " + engine + ", threads " + std::to_string(relay_threads),
                      login("gorst", "hero"),
                      {.config = "lt-cred-mech\nuser=gorst:hero",
                       .arguments = {"--ne=" + engine},
                       .relay_threads = relay_threads}});
  }
  check_rounds(rounds, scenarios);
}
