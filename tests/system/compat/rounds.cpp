#include "rounds.h"

#include <catch2/catch.hpp>

#include "coturn_tool.h"

namespace compat {

using namespace turntest;

void check_rounds(const std::vector<Round>& rounds, const std::vector<Scenario>& scenarios) {
  const EchoPeers peers;
  std::vector<Task> tasks;
  std::vector<const Round*> round_of;
  for (const Round& round : rounds) {
    for (const auto& server : round.servers) {
      for (const Scenario& scenario : scenarios) {
        tasks.push_back({server.get(), &scenario, round.login});
        round_of.push_back(&round);
      }
    }
  }
  const std::vector<Run> runs = run_all(tasks, peers.ports());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    INFO(round_of[i]->name << ", scenario " << tasks[i].scenario->name << ", server "
                           << to_string(tasks[i].server->contestant()));
    INFO("output of the client:\n" << runs[i].output);
    CHECK(runs[i].outcome == expected(*tasks[i].scenario));
  }

  std::uint64_t sent_octets = 0;
  for (const Scenario& scenario : scenarios) sent_octets += expected(scenario).sent_octets;
  for (const Round& round : rounds) {
    INFO(round.name);
    BrokerRelay& broker = round.servers.back()->broker();
    CHECK(broker.usage(Server::csp).client_to_peer_octets == sent_octets);
    CHECK(broker.usage(Server::csp).peer_to_client_octets == sent_octets);
    const ExitStatus exit = broker.relay().stop();
    INFO(round.servers.back()->last_words());
    CHECK(exit.status == 0);
    CHECK(exit.signal == 0);
    CHECK(our_faults(broker.relay().output()).empty());
    CHECK(broker.recorded().client_to_peer_octets == sent_octets);
    CHECK(broker.recorded().peer_to_client_octets == sent_octets);
  }
}

std::vector<std::string> recorded_clients(const Round& round) {
  std::vector<std::string> names;
  for (const auto& record : round.servers.back()->broker().records())
    names.push_back(record.at("client").get<std::string>());
  return names;
}

}  // namespace compat
