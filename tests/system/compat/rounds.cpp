#include "rounds.h"

#include <catch2/catch.hpp>
#include <set>

#include "coturn_tool.h"

namespace compat {

using namespace turntest;

namespace {

constexpr int attempts_max = 3;

struct Trial {
  Round* round;
  Task task;
  Run run;
  [[nodiscard]] bool as_expected() const { return run.outcome == expected(*task.scenario); }
};

std::vector<Trial> play(const std::vector<Round*>& rounds, const std::vector<Scenario>& scenarios,
                        const PeerPorts& peers) {
  std::vector<Trial> trials;
  std::vector<Task> tasks;
  for (Round* round : rounds) {
    round->servers = start_all(round->options);
    for (const auto& server : round->servers) {
      for (const Scenario& scenario : scenarios) {
        tasks.push_back({server.get(), &scenario, round->login});
        trials.push_back({round, tasks.back(), {}});
      }
    }
  }
  std::vector<Run> runs = run_all(tasks, peers);
  for (std::size_t i = 0; i < trials.size(); ++i) trials[i].run = std::move(runs[i]);
  return trials;
}

/// Of each round its last attempt.
std::vector<Trial> play_until_as_expected(std::vector<Round>& rounds,
                                          const std::vector<Scenario>& scenarios) {
  const EchoPeers peers;
  std::vector<Trial> trials;
  std::set<Round*> left;
  for (Round& round : rounds) left.insert(&round);
  for (int attempt = 1; attempt <= attempts_max && !left.empty(); ++attempt) {
    std::erase_if(trials, [&](const Trial& trial) { return left.contains(trial.round); });
    std::vector<Trial> more = play({left.begin(), left.end()}, scenarios, peers.ports());
    left.clear();
    for (Trial& trial : more) {
      if (!trial.as_expected()) left.insert(trial.round);
      trials.push_back(std::move(trial));
    }
  }
  return trials;
}

}  // namespace

void check_rounds(std::vector<Round>& rounds, const std::vector<Scenario>& scenarios) {
  for (const Trial& trial : play_until_as_expected(rounds, scenarios)) {
    INFO(trial.round->name << ", scenario " << trial.task.scenario->name << ", server "
                           << to_string(trial.task.server->contestant()));
    INFO("output of the client:\n" << trial.run.output);
    CHECK(trial.run.outcome == expected(*trial.task.scenario));
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
