// Users whom coturn's own mechanisms admit fare alike on all three servers, and the plugin meters
// them under default_csp. The database is the example that comes with coturn.
#include <catch2/catch.hpp>
#include <csignal>

#include "contest.h"

using namespace compat;
using namespace turntest;

namespace {

struct Mechanism {
  std::string name;
  ServerOptions server;
  Login login;
  std::string client;  ///< how the records call the user, or the end of it
};

std::vector<Mechanism> mechanisms(const std::string& database) {
  const std::vector<std::string> with_database = {"--userdb", database, "--lt-cred-mech"};
  std::vector<std::string> with_tokens = with_database;
  with_tokens.insert(with_tokens.end(), {"--oauth", "--server-name", "blackdow.carleon.gov"});
  return {
      {"TURN REST API",
       {.config = "use-auth-secret\nstatic-auth-secret=logen-ninefingers"},
       {{"-u", "bethod", "-W", "logen-ninefingers"}},
       ":bethod"},
      {"no authentication", {.arguments = {"--no-auth"}}, {{}}, ""},
      {"user database",
       {.arguments = with_database},
       login("ninefingers", "youhavetoberealistic"),
       "ninefingers"},
      {"realm by origin",
       {.arguments = with_database},
       {{"-o", "http://crinna.org:80", "-u", "whirrun", "-w", "sword"}},
       "whirrun"},
      {"third-party authorization", {.arguments = with_tokens}, {{"-J"}}, ""},
  };
}

const std::vector<Scenario> scenarios = {
    {.name = "udp", .options = {}, .far_end = FarEnd::peer_ipv4},
    {.name = "udp-send", .options = {"-s"}, .far_end = FarEnd::itself},
    {.name = "tcp-relay", .options = {"-T"}},
};

struct Round {
  Mechanism mechanism;
  std::vector<std::unique_ptr<Server>> servers;
};

}  // namespace

TEST_CASE("users of coturn's own mechanisms are served alike, and metered under default_csp") {
  const TempDir directory;
  const auto database = directory / "turndb";
  std::filesystem::copy_file(std::filesystem::path(COTURN_SOURCE_DIR) / "examples/var/db/turndb",
                             database);
  std::vector<Round> rounds;
  for (Mechanism& mechanism : mechanisms(database.string())) {
    auto servers = start_all(mechanism.server);
    rounds.push_back({std::move(mechanism), std::move(servers)});
  }

  const EchoPeers peers;
  std::vector<Task> tasks;
  std::vector<const Mechanism*> mechanism_of;
  for (const Round& round : rounds)
    for (const auto& server : round.servers)
      for (const Scenario& scenario : scenarios) {
        tasks.push_back({server.get(), &scenario, round.mechanism.login});
        mechanism_of.push_back(&round.mechanism);
      }
  const std::vector<Run> runs = run_all(tasks, peers.ports());
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    INFO(mechanism_of[i]->name << ", scenario " << tasks[i].scenario->name << ", server "
                               << to_string(tasks[i].server->contestant()));
    INFO("output of the client:\n" << runs[i].output);
    CHECK(runs[i].outcome == expected(*tasks[i].scenario));
  }

  std::uint64_t sent_octets = 0;
  for (const Scenario& scenario : scenarios) sent_octets += expected(scenario).sent_octets;
  for (const Round& round : rounds) {
    INFO(round.mechanism.name);
    BrokerRelay& broker = round.servers.back()->broker();
    CHECK(broker.usage(Server::csp).client_to_peer_octets == sent_octets);
    CHECK(broker.usage(Server::csp).peer_to_client_octets == sent_octets);
    CHECK(broker.relay().stop().status == 0);
    const auto records = broker.records();
    CHECK(!records.empty());
    for (const auto& record : records)
      CHECK(record.at("client").get<std::string>().ends_with(round.mechanism.client));
  }
}

TEST_CASE("a wrong password and an unknown user are refused alike") {
  const auto servers = start_all({.config = "lt-cred-mech\nuser=gorst:hero"});
  for (const auto& server : servers) {
    INFO(to_string(server->contestant()));
    for (const Credentials& credentials : {Credentials{"gorst", "coward"}, {"bayaz", "hero"}}) {
      ClientOptions options = server->relay().client_options();
      options.credentials = credentials;
      TurnClient client(options);
      CHECK(client.allocate().code == 401);
    }
    ClientOptions options = server->relay().client_options();
    options.credentials = {"gorst", "hero"};
    TurnClient client(options);
    CHECK(client.allocate().ok());
  }
}

TEST_CASE("the client's attack modes leave every server serving") {
  const std::vector<std::vector<std::string>> attacks = {{"-O", "-G", "-y"},
                                                         {"-O", "-G", "-t", "-y", "-s"},
                                                         {"-O", "-T"},
                                                         {"-R", "-y"},
                                                         {"-R", "-t", "-y", "-s"},
                                                         {"-N", "-T"},
                                                         {"-N", "-y"},
                                                         {"-B", "-y", "-M"},
                                                         {"-B", "-t", "-y"}};
  const auto servers = start_all({.config = "lt-cred-mech\nmobility\nuser=gorst:hero"});
  const EchoPeers peers;
  const Scenario calm{.name = "calm", .options = {}, .far_end = FarEnd::peer_ipv4};

  std::vector<std::unique_ptr<ChildProcess>> attackers;
  std::vector<Task> tasks;
  for (const auto& server : servers) {
    for (const auto& attack : attacks) {
      ChildOptions command;
      command.program = std::filesystem::path(TURNUTILS_DIR) / "turnutils_uclient";
      command.directory = server->relay().directory().path();
      command.arguments = {"-n", "20", "-m", "12", "-u", "gorst", "-w", "hero", "-p"};
      command.arguments.push_back(std::to_string(server->relay().address(TransportKind::udp).port));
      command.arguments.insert(command.arguments.end(), attack.begin(), attack.end());
      command.arguments.push_back("127.0.0.1");
      attackers.push_back(std::make_unique<ChildProcess>(command));
    }
    tasks.push_back({server.get(), &calm, login("gorst", "hero")});
  }
  // They may wait for answers that never come; what counts is what the server makes of it meanwhile.
  const std::vector<Run> runs = run_all(tasks, peers.ports());
  attackers.clear();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Server& server = *tasks[i].server;
    INFO(to_string(server.contestant()) << "\noutput of the client:\n" << runs[i].output);
    CHECK(runs[i].outcome == expected(calm));
    REQUIRE(server.relay().process().running());
    const ExitStatus exit = server.relay().stop();
    CHECK(exit.status == 0);
    CHECK(exit.signal == (server.contestant() == Contestant::with_plugin ? 0 : SIGTERM));
  }
}
