#include "uclient.h"

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "coturn_tool.h"

namespace compat {

using namespace turntest;

namespace {

/// The number after the last occurrence of `label`; 0 when there is none.
std::uint64_t last_number(const std::string& text, std::string_view label) {
  const std::size_t at = text.rfind(label);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + label.size(), nullptr, 10);
}

TransportKind transport_of(const Scenario& scenario) {
  const bool tcp = scenario.has("-t") || scenario.has("-T") || scenario.has("-P");
  if (scenario.has("-S")) return tcp ? TransportKind::tls : TransportKind::dtls;
  return tcp ? TransportKind::tcp : TransportKind::udp;
}

}  // namespace

bool Scenario::has(std::string_view option) const {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << "{exit " << outcome.exit_status << ", signal " << outcome.exit_signal
             << ", messages " << outcome.sent_messages << " -> " << outcome.received_messages
             << ", octets " << outcome.sent_octets << " -> " << outcome.received_octets << ", lost "
             << outcome.lost << ", dropped " << outcome.dropped << "}";
}

Outcome expected(const Scenario& scenario) {
  Outcome outcome;
  outcome.exit_status = 0;
  outcome.sent_messages = std::uint64_t{clients} * messages_of_client;
  outcome.received_messages =
      outcome.sent_messages * static_cast<std::uint64_t>(scenario.received_permille) / 1000;
  const auto octets = static_cast<std::uint64_t>(scenario.message_octets);
  outcome.sent_octets = outcome.sent_messages * octets;
  outcome.received_octets = outcome.received_messages * octets;
  outcome.lost = outcome.sent_messages - outcome.received_messages;
  return outcome;
}

Login login(std::string_view user, std::string_view password) {
  return {{"-u", std::string(user), "-w", std::string(password)}};
}

Outcome parse_output(const RunResult& result) {
  Outcome outcome;
  outcome.exit_status = result.exit.status;
  outcome.exit_signal = result.exit.signal;
  outcome.sent_messages = last_number(result.output, "tot_send_msgs=");
  outcome.received_messages = last_number(result.output, "tot_recv_msgs=");
  outcome.sent_octets = last_number(result.output, "tot_send_bytes ~ ");
  outcome.received_octets = last_number(result.output, "tot_recv_bytes ~ ");
  outcome.lost = last_number(result.output, "Total lost packets ");
  outcome.dropped = last_number(result.output, "total send dropped ");
  return outcome;
}

Run run_uclient(const Scenario& scenario, const RelayProcess& relay, const Login& login,
                const PeerPorts& peers) {
  const Address server = relay.address(transport_of(scenario), scenario.server_family);
  ChildOptions command = tool_command("turnutils_uclient", {});
  command.directory = relay.directory().path();
  command.arguments = {
      "-n", std::to_string(messages_of_client),      "-m", std::to_string(clients),
      "-l", std::to_string(scenario.message_octets), "-p", std::to_string(server.port)};
  const auto add = [&](const std::vector<std::string>& more) {
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
  };
  add(scenario.options);
  add(login.options);
  switch (scenario.far_end) {
    case FarEnd::itself: add({"-y"}); break;
    case FarEnd::peer_ipv4: add({"-e", "127.0.0.1", "-r", std::to_string(peers.ipv4)}); break;
    case FarEnd::peer_ipv6: add({"-e", "::1", "-r", std::to_string(peers.ipv6)}); break;
  }
  add({server.host()});
  const RunResult result = run_to_end(command, Milliseconds(90000));
  return {parse_output(result), result.output};
}

}  // namespace compat
