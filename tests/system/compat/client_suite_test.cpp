// coturn's own client suite gets the same from all three servers, and what the plugin counts is
// what the client says it sent and received.
#include <catch2/catch.hpp>

#include "contest.h"
#include "coturn_tool.h"

using namespace compat;
using namespace turntest;

namespace {

const std::vector<Scenario> scenarios = {
    // Those that take longest come first.
    {.name = "no-permissions",
     .options = {"-I", "-s"},
     .received_permille = 0,
     .client_to_peer_permille = 0,
     .peer_to_client_permille = 0},
    // Half of the messages are the active peer's; the client does not count what the peer receives.
    {.name = "tcp-relay-passive",
     .options = {"-P"},
     .received_permille = 500,
     .client_to_peer_permille = 500,
     .peer_to_client_permille = 500},
    {.name = "mobility", .options = {"-M"}},
    {.name = "tls-channel", .options = {"-t", "-S", "-z", slow_ms}, .far_end = FarEnd::peer_ipv4},
    {.name = "tls-send",
     .options = {"-t", "-S", "-s", "-z", slow_ms},
     .far_end = FarEnd::peer_ipv4},
    {.name = "tls-itself", .options = {"-t", "-S", "-z", slow_ms}},
    {.name = "dtls-channel", .options = {"-S"}, .far_end = FarEnd::peer_ipv4},
    {.name = "dtls-send", .options = {"-S", "-s"}, .far_end = FarEnd::peer_ipv4},
    {.name = "dtls-itself", .options = {"-S"}},
    {.name = "udp-channel", .options = {}, .far_end = FarEnd::peer_ipv4},
    {.name = "udp-send", .options = {"-s"}, .far_end = FarEnd::peer_ipv4},
    {.name = "udp-itself", .options = {}},
    {.name = "udp-itself-send", .options = {"-s"}},
    {.name = "udp-no-rtcp", .options = {"-c"}, .far_end = FarEnd::peer_ipv4},
    {.name = "udp-large", .options = {"-c"}, .message_octets = 1400},
    {.name = "tcp-channel", .options = {"-t"}, .far_end = FarEnd::peer_ipv4},
    {.name = "tcp-send", .options = {"-t", "-s"}, .far_end = FarEnd::peer_ipv4},
    {.name = "tcp-itself", .options = {"-t"}},
    {.name = "tcp-relay", .options = {"-T"}},
    {.name = "tcp-relay-tls", .options = {"-T", "-S"}},
    {.name = "ipv6-itself", .options = {"-x"}},
    {.name = "ipv6-channel", .options = {"-x"}, .far_end = FarEnd::peer_ipv6},
    {.name = "ipv6-send-from-ipv6",
     .options = {"-x", "-s"},
     .far_end = FarEnd::peer_ipv6,
     .server_family = 6},
    {.name = "ipv6-tcp-relay", .options = {"-T", "-x"}, .server_family = 6},
    {.name = "ipv4-itself", .options = {"-X"}},
    {.name = "ipv4-from-ipv6",
     .options = {"-X", "-g"},
     .far_end = FarEnd::peer_ipv4,
     .server_family = 6},
    {.name = "odd-size-padded",
     .options = {"-X", "-g", "-D"},
     .far_end = FarEnd::peer_ipv4,
     .message_octets = 171},
    {.name = "both-families", .options = {"-Z"}},
    {.name = "extra-requests", .options = {"-G"}},
};

constexpr int attempts_max = 4;
constexpr std::string_view password = "youhavetoberealistic";

std::string user_of(const Scenario& scenario, int attempt) {
  return scenario.name + "." + std::to_string(attempt);
}

std::string user_lines() {
  std::string lines = "lt-cred-mech\nmobility\n";
  for (const Scenario& scenario : scenarios)
    for (int attempt = 1; attempt <= attempts_max; ++attempt)
      lines += "user=" + user_of(scenario, attempt) + ":" + std::string(password) + "\n";
  return lines;
}

/// One run for each server and scenario. The client loses messages of its own when the machine is
/// busy; then the run is repeated, as another user.
struct Contest {
  std::vector<Task> tasks;
  std::vector<Run> runs;
  std::vector<int> attempts;

  Contest(const std::vector<std::unique_ptr<Server>>& servers, const PeerPorts& peers) {
    for (const Scenario& scenario : scenarios)
      for (const auto& server : servers)
        tasks.push_back({server.get(), &scenario, login(user_of(scenario, 1), password)});
    attempts.assign(tasks.size(), 1);
    runs = run_all(tasks, peers);
    for (int attempt = 2; attempt <= attempts_max; ++attempt) repeat(attempt, peers);
  }

  void repeat(int attempt, const PeerPorts& peers) {
    std::vector<Task> again;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const Scenario& scenario = *tasks[i].scenario;
      if (runs[i].outcome == expected(scenario)) continue;
      again.push_back(tasks[i]);
      again.back().login = login(user_of(scenario, attempt), password);
      places.push_back(i);
      attempts[i] = attempt;
    }
    std::vector<Run> results = run_all(again, peers);
    for (std::size_t i = 0; i < again.size(); ++i) runs[places[i]] = std::move(results[i]);
  }
};

/// The octets of one user's usage records.
struct Recorded {
  std::uint64_t client_to_peer = 0, peer_to_client = 0;
  friend bool operator==(const Recorded&, const Recorded&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Recorded& recorded) {
    return out << "{" << recorded.client_to_peer << " up, " << recorded.peer_to_client << " down}";
  }
};

std::map<std::string, Recorded> recorded_by_user(const BrokerRelay& relay) {
  std::map<std::string, Recorded> users;
  for (const auto& record : relay.records()) {
    Recorded& user = users[record.at("client").get<std::string>()];
    user.client_to_peer += record.at("client_to_peer_octets").get<std::uint64_t>();
    user.peer_to_client += record.at("peer_to_client_octets").get<std::uint64_t>();
  }
  return users;
}

/// What one run relays, from what the client sends.
Recorded relayed(const Scenario& scenario) {
  const std::uint64_t sent = expected(scenario).sent_octets;
  return {sent * static_cast<std::uint64_t>(scenario.client_to_peer_permille) / 1000,
          sent * static_cast<std::uint64_t>(scenario.peer_to_client_permille) / 1000};
}

}  // namespace

TEST_CASE(
    "coturn's client gets the same from the unpatched server, the patched one, and the plugin's") {
  const auto servers = start_all({.config = user_lines()});
  const EchoPeers peers;
  const Contest contest(servers, peers.ports());

  for (const auto& server : servers) {
    INFO(to_string(server->contestant()) << " said:\n" << server->last_words());
    REQUIRE(server->relay().process().running());
  }
  for (std::size_t i = 0; i < contest.tasks.size(); ++i) {
    const Task& task = contest.tasks[i];
    INFO("scenario " << task.scenario->name << ", server " << to_string(task.server->contestant())
                     << ", attempt " << contest.attempts[i]);
    INFO("output of the client:\n" << contest.runs[i].output);
    CHECK(contest.runs[i].outcome == expected(*task.scenario));
  }

  BrokerRelay& broker = servers.back()->broker();
  const Usage usage = broker.usage(Server::csp);

  // The client leaves its first allocation over UDP behind; the end of the server ends it.
  const ExitStatus exit = broker.relay().stop();
  INFO(servers.back()->last_words());
  CHECK(exit.status == 0);
  CHECK(exit.signal == 0);
  CHECK(our_faults(broker.relay().output()).empty());
  const Usage recorded = broker.recorded();
  CHECK(usage.client_to_peer_octets == recorded.client_to_peer_octets);
  CHECK(usage.peer_to_client_octets == recorded.peer_to_client_octets);
  CHECK(usage.used_octets == recorded.client_to_peer_octets + recorded.peer_to_client_octets);
  std::map<std::string, Recorded> of_user = recorded_by_user(broker);
  for (std::size_t i = 0; i < contest.tasks.size(); ++i) {
    const Task& task = contest.tasks[i];
    if (task.server->contestant() != Contestant::with_plugin) continue;
    const Recorded octets = relayed(*task.scenario);
    for (int attempt = 1; attempt <= contest.attempts[i]; ++attempt) {
      INFO("scenario " << task.scenario->name << ", attempt " << attempt);
      const auto user = of_user.extract(user_of(*task.scenario, attempt));
      const Recorded found = user ? user.mapped() : Recorded{};
      // Of one that was repeated, the client may not have sent or received everything.
      CHECK(found.client_to_peer <= octets.client_to_peer);
      CHECK(found.peer_to_client <= octets.peer_to_client);
      if (attempt == contest.attempts[i]) CHECK(found == octets);
    }
  }
  CHECK(of_user.empty());
}
