// coturn's other tools: those that the patches could touch do as they did, and all work with every
// server.
#include <catch2/catch.hpp>

#include "contestant.h"
#include "coturn_tool.h"
#include "likeness.h"
#include "support/udp_peer.h"
#include "support/wait_until.h"

using namespace compat;
using namespace turntest;

namespace {

RunResult run_tool(std::string_view name, std::vector<std::string> arguments,
                   const std::filesystem::path& directory = TURNUTILS_DIR) {
  return run_to_end(tool_command(name, std::move(arguments), directory));
}

/// turnadmin is turnserver under another name.
class Admin {
 public:
  explicit Admin(Contestant contestant) {
    std::filesystem::create_symlink(binary_of(contestant), directory_ / "turnadmin");
  }
  [[nodiscard]] std::pair<int, std::string> run(std::vector<std::string> arguments) const {
    ChildOptions command = tool_command("turnadmin", std::move(arguments), directory_.path());
    command.directory = directory_.path();
    const RunResult result = run_to_end(command);
    std::vector<Replacement> replacements = {{directory_.path().string(), "DIRECTORY"}};
    // It logs to where nobody asked it to; the file is named by the process's id.
    constexpr std::string_view label = "log file opened: ";
    if (const std::size_t at = result.output.find(label); at != std::string::npos) {
      const std::size_t begin = at + label.size();
      const std::string file = result.output.substr(begin, result.output.find('\n', begin) - begin);
      std::filesystem::remove(file);
      replacements.push_back({file, "LOG-FILE"});
    }
    return {result.exit.status, plain(result.output, replacements)};
  }

 private:
  TempDir directory_;
};

}  // namespace

TEST_CASE("turnutils_rfc5769check says the same before and after the patches, and finds no fault") {
  const RunResult before = run_tool("turnutils_rfc5769check", {}, COTURN_UNPATCHED_DIR);
  const RunResult after = run_tool("turnutils_rfc5769check", {});
  CHECK(before.exit.status == 0);
  CHECK(after.exit.status == 0);
  CHECK(before.output == after.output);
  CHECK(after.output.find("success") != std::string::npos);
  CHECK(after.output.find("failure") == std::string::npos);
}

TEST_CASE("turnadmin says the same before and after the patches") {
  const Admin before(Contestant::unpatched), after(Contestant::patched);
  const std::vector<std::vector<std::string>> commands = {
      {"-k", "-u", "gorst", "-r", "north.gov", "-p", "hero"},
      {"-a", "-b", "turndb", "-u", "gorst", "-r", "north.gov", "-p", "hero"},
      {"-a", "-b", "turndb", "-u", "bethod", "-r", "north.gov", "-p", "king-of-the-northmen"},
      {"-l", "-b", "turndb"},
      {"-l", "-b", "turndb", "-r", "crinna.org"},
      {"-d", "-b", "turndb", "-u", "bethod", "-r", "north.gov"},
      {"-l", "-b", "turndb"},
      {"-A", "-b", "turndb", "-u", "skarling", "-p", "hoodless"},
      {"-L", "-b", "turndb"},
      {"-D", "-b", "turndb", "-u", "skarling"},
      {"-s", "logen", "-r", "north.gov", "-b", "turndb"},
      {"-S", "-r", "north.gov", "-b", "turndb"},
      {"-X", "logen", "-r", "north.gov", "-b", "turndb"},
      {"-S", "-r", "north.gov", "-b", "turndb"},
      {"-O", "-o", "http://crinna.org", "-r", "crinna.org", "-b", "turndb"},
      {"-I", "-b", "turndb"},
      {"-R", "-o", "http://crinna.org", "-b", "turndb"},
      {"-g", "--max-bps=5000", "--user-quota=3", "-r", "crinna.org", "-b", "turndb"},
      {"-G", "-b", "turndb"},
      {"-a", "-b", "turndb", "-u", "gorst"},
      {"--no-such-option"},
      {},
      {"--version"},
  };
  for (const auto& command : commands) {
    std::string text;
    for (const std::string& argument : command) text += argument + " ";
    INFO("turnadmin " << text);
    const auto [status_before, output_before] = before.run(command);
    const auto [status_after, output_after] = after.run(command);
    CHECK(status_before == status_after);
    CHECK(output_before == output_after);
  }
  CHECK(after.run({"-l", "-b", "turndb"}).second.find("gorst[north.gov]") != std::string::npos);
  CHECK(after.run(commands[0]).second.find("0x7da2270ccfa49786e0115366d3a3d14d") !=
        std::string::npos);
}

TEST_CASE("turnutils_stunclient and turnutils_natdiscovery find out the same from every server") {
  for (const Contestant contestant : contestants) {
    INFO(to_string(contestant));
    Server server(contestant, {});
    // The same server again, on the same ports, as one with two addresses that discovery needs.
    ChildOptions command = server.relay().command();
    const PortLease alternative, tls_alternative;
    std::erase(command.arguments, "--no-rfc5780");
    if (contestant != Contestant::unpatched) command.arguments.emplace_back("--rfc5780");
    command.arguments.insert(
        command.arguments.end(),
        {"-L", "127.0.0.2", "--alt-listening-port", std::to_string(alternative.port()),
         "--alt-tls-listening-port", std::to_string(tls_alternative.port())});
    server.relay().stop();
    ChildProcess process(command);
    const auto answers = [&] {
      try {
        return TurnClient(server.relay().client_options()).binding().ok();
      } catch (const std::runtime_error&) {
        return false;
      }
    };
    REQUIRE(wait_until(Milliseconds(15000), answers));

    const std::string port = std::to_string(server.relay().address(TransportKind::udp).port);
    const RunResult stun = run_tool("turnutils_stunclient", {"-p", port, "127.0.0.1"});
    CHECK(stun.exit.status == 0);
    CHECK(stun.output.find("UDP reflexive addr: 127.0.0.1:") != std::string::npos);
    CHECK(stun.output.find("RFC 5780 response 3") != std::string::npos);
    const RunResult nat =
        run_tool("turnutils_natdiscovery", {"-m", "-f", "-H", "-p", port, "127.0.0.1"});
    INFO(stun.output << nat.output);
    CHECK(nat.exit.status == 0);
    CHECK(nat.output.find("NAT with Endpoint Independent Mapping") != std::string::npos);
  }
}

TEST_CASE("turnutils_oauth and turnutils_peer work") {
  const RunResult token = run_tool(
      "turnutils_oauth",
      {"-v", "-d", "-e", "--server-name", "blackdow.carleon.gov", "--auth-key-id", "oldempire",
       "--auth-key", "SEdrajMyS0pHaXV5MDk4c2RmYXFiTmpPaWF6NzE5MjM=", "--auth-key-timestamp",
       "249213600", "--auth-key-lifetime", "21600", "--token-mac-key",
       "WmtzanB3ZW9peFhtdm42NzUzNG0=", "--token-timestamp", "16333642137600",
       "--token-lifetime=3600"});
  INFO(token.output);
  CHECK(token.exit.status == 0);
  CHECK(token.output.find("Valid token") != std::string::npos);

  // An address that no other test listens on: it takes the next port without asking.
  const PortLease port;
  ChildProcess echo(
      tool_command("turnutils_peer", {"-L", "127.0.0.42", "-p", std::to_string(port.port())}));
  UdpPeer sender;
  const Address far = *Address::parse("127.0.0.42:" + std::to_string(port.port()));
  CHECK(wait_until(Milliseconds(10000), [&] {
    return sender.send(far, bytes_of("x")) && sender.wait_received_octets(1, Milliseconds(100));
  }));
}
