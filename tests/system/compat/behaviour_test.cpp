// Without a plugin the patched server says at its start what the unpatched one says, and does on a
// signal what that does.
#include <catch2/catch.hpp>
#include <csignal>

#include "contestant.h"
#include "likeness.h"
#include "support/wait_until.h"

using namespace compat;
using namespace turntest;

namespace {

/// Lines that one of the servers breaks in two and the other does not, those about TLS (the unpatched
/// server has a context for each version, and other ciphers) and about SCTP, which it listens for.
bool is_told_otherwise(const std::string& line) {
  if (line.find_first_not_of(": ") == std::string::npos) return true;
  for (const char* part :
       {"Practical Frost", "====", "Due to the open files", "Max number of open files",
        "max supported number", "RFC 3489/5389", "Version Coturn", "Default Net Engine",
        "cipher suite", "ertificate file", "rivate key file", "RFC5780", "TCP relay endpoints",
        "SCTP", "socket: Protocol not supported"}) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

std::multiset<std::string> start_log(Server& server) {
  RelayProcess& relay = server.relay();
  const auto port = [&](TransportKind transport) {
    return ":" + std::to_string(relay.address(transport).port);
  };
  std::multiset<std::string> lines =
      lines_of(relay.output(), {{relay.directory().path().string(), "DIRECTORY"},
                                {port(TransportKind::udp), ":PORT"},
                                {port(TransportKind::tls), ":TLS-PORT"}});
  // How often the test had to ask until the server answered is not the server's doing.
  std::erase_if(lines, [](const std::string& line) {
    return is_told_otherwise(line) || line.find("session ") != std::string::npos ||
           line.find("tcp or tls connected to") != std::string::npos;
  });
  return lines;
}

bool answers(RelayProcess& relay) {
  try {
    return TurnClient(relay.client_options()).binding().ok();
  } catch (const std::runtime_error&) {
    return false;
  }
}

/// 0: it goes on. Else the signal or the status that it ended with.
struct Reaction {
  bool ended = false;
  int status = 0;
  int signal = 0;
  friend bool operator==(const Reaction&, const Reaction&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Reaction& reaction) {
    if (!reaction.ended) return out << "goes on";
    return out << "ended with " << reaction.status << ", signal " << reaction.signal;
  }
};

Reaction react(Server& server, int signal) {
  server.relay().process().signal(signal);
  auto exit = server.relay().process().wait_exit(Milliseconds(500));
  if (!exit && answers(server.relay())) return {};
  // It may be that it took longer to end.
  if (!exit) exit = server.relay().process().wait_exit(Milliseconds(10000));
  REQUIRE(exit);
  return {true, exit->status, exit->signal};
}

}  // namespace

TEST_CASE("at its start the patched server logs what the unpatched one logs") {
  const std::vector<ServerOptions> variants = {
      {.config = "no-auth"},
      {.config = "verbose\nuse-auth-secret\nstatic-auth-secret=logen"},
      {.config = "lt-cred-mech\nuser=gorst:hero\nno-tls\nno-dtls\nmobility\nstun-only"},
  };
  for (const ServerOptions& variant : variants) {
    INFO(variant.config);
    Server before(Contestant::unpatched, variant);
    Server after(Contestant::patched, variant);
    const auto expected = [&] {
      std::multiset<std::string> lines = start_log(before);
      // The thread of the CLI and the web-admin is gone with them.
      std::erase_if(lines, [](const std::string& line) {
        return line.find("IO method (admin thread)") != std::string::npos;
      });
      return lines;
    };
    // Some threads speak up later than the server answers.
    wait_until(Milliseconds(5000), [&] { return expected() == start_log(after); });
    CHECK(difference(expected(), start_log(after)) == "");
    CHECK(expected().size() > 30);
  }
}

TEST_CASE("signals do to the patched server what they do to the unpatched one") {
  // One server for those that it survives, one for each that it does not.
  const std::vector<std::vector<int>> rounds = {
      {SIGHUP, SIGUSR2, SIGPIPE, SIGHUP, SIGTERM}, {SIGINT}, {SIGUSR1}, {SIGQUIT}};
  for (const auto& signals : rounds) {
    Server before(Contestant::unpatched, {});
    Server after(Contestant::patched, {});
    for (const int signal : signals) {
      INFO("signal " << signal);
      CHECK(react(before, signal) == react(after, signal));
    }
  }
}

TEST_CASE(
    "with the plugin the server ends by itself, and survives what the unpatched one survives") {
  for (const int last : {SIGTERM, SIGINT}) {
    Server server(Contestant::with_plugin, {});
    for (const int signal : {SIGHUP, SIGUSR2, SIGPIPE}) CHECK(react(server, signal) == Reaction{});
    server.relay().process().signal(last);
    const auto exit = server.relay().process().wait_exit(Milliseconds(10000));
    INFO(server.last_words());
    REQUIRE(exit);
    CHECK(exit->status == 0);
    CHECK(exit->signal == 0);
  }
}

TEST_CASE(
    "after SIGHUP all servers begin a new log file, after SIGUSR2 they read the certificate "
    "again") {
  const TempDir logs;
  for (const Contestant contestant : contestants) {
    INFO(to_string(contestant));
    const auto log = logs / to_string(contestant);
    Server server(contestant, {.config = "lt-cred-mech\nverbose\nsimple-log",
                               .arguments = {"--log-file", log.string()}});
    REQUIRE(std::filesystem::exists(log));
    server.relay().process().signal(SIGUSR2);
    CHECK(wait_until(Milliseconds(5000), [&] {
      return read_file(log).find("Reloading TLS certificates and keys") != std::string::npos;
    }));
    std::filesystem::rename(log, log.string() + ".old");
    server.relay().process().signal(SIGHUP);
    // It is begun with the next line that there is to write.
    CHECK(wait_until(Milliseconds(5000), [&] {
      return answers(server.relay()) && std::filesystem::exists(log) &&
             std::filesystem::file_size(log) != 0;
    }));
  }
}
