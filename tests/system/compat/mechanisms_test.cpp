// Users whom coturn's own mechanisms admit fare alike on all three servers, and the plugin meters
// them under default_csp. The database is the example that comes with coturn.
#include <catch2/catch.hpp>
#include <csignal>

#include "coturn_tool.h"
#include "rounds.h"

using namespace compat;
using namespace turntest;

namespace {

struct Mechanism {
  std::string name;
  ServerOptions server;
  Login login;
  std::string client;  ///< how the records call the user; empty: somehow
};

std::vector<Mechanism> mechanisms(const std::string& database) {
  const std::vector<std::string> with_database = {"--userdb", database, "--lt-cred-mech"};
  std::vector<std::string> with_tokens = with_database;
  with_tokens.insert(with_tokens.end(), {"--oauth", "--server-name", "blackdow.carleon.gov"});
  return {
      {"TURN REST API",
       {.config = "use-auth-secret\nstatic-auth-secret=logen-ninefingers"},
       {{"-u", "bethod", "-W", "logen-ninefingers"}},
       "bethod"},
      {"no authentication", {.config = "no-auth"}, {{}}, ""},
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
    {.name = "tcp-relay", .options = {"-T", "-z", slow_ms}},
};

}  // namespace

TEST_CASE("users of coturn's own mechanisms are served alike, and metered under default_csp") {
  const TempDir directory;
  const auto database = directory / "turndb";
  std::filesystem::copy_file(std::filesystem::path(COTURN_SOURCE_DIR) / "examples/var/db/turndb",
                             database);
  const std::vector<Mechanism> all = mechanisms(database.string());
  std::vector<Round> rounds;
  for (const Mechanism& mechanism : all)
    rounds.push_back({mechanism.name, mechanism.login, mechanism.server});
  check_rounds(rounds, scenarios);
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    INFO(rounds[i].name);
    const auto clients = recorded_clients(rounds[i]);
    CHECK(!clients.empty());
    for (const std::string& client : clients)
      CHECK((all[i].client.empty() || client == all[i].client));
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
      ChildOptions command = tool_command("turnutils_uclient", {});
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
    INFO("output of the server:\n" << server.last_words());
    REQUIRE(server.relay().process().running());
    CHECK(runs[i].outcome == expected(calm));
    const ExitStatus exit = server.relay().stop();
    INFO("then it said:\n" << server.last_words());
    CHECK(our_faults(server.relay().output()).empty());
    CHECK(exit.status == 0);
    CHECK(exit.signal == (server.contestant() == Contestant::with_plugin ? 0 : SIGTERM));
  }
}
