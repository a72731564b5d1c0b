// coturn's own client, turnutils_uclient: what it is asked to do, and what it says happened.
//
// It prints sums of messages and octets at its end. Its exit status alone says little: it is 0 also
// when nothing came back.
//
// Owner: regular values. Threads: any.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "support/credentials.h"
#include "support/relay_process.h"

namespace compat {

/// Where the other end of the client's traffic is.
enum class FarEnd { itself, peer_ipv4, peer_ipv6 };

struct Scenario {
  std::string name;
  std::vector<std::string> options = {};  ///< as on uclient's command line
  FarEnd far_end = FarEnd::itself;
  int server_family = 4;  ///< of the server's address
  int message_octets = 100;
  /// Of the messages sent: how many thousandths the client counts as received, and how many are
  /// relayed in each direction.
  int received_permille = 1000;
  int client_to_peer_permille = 1000;
  int peer_to_client_permille = 1000;

  [[nodiscard]] bool has(std::string_view option) const;
};

struct Outcome {
  int exit_status = -1;
  int exit_signal = 0;
  std::uint64_t sent_messages = 0;
  std::uint64_t received_messages = 0;
  std::uint64_t sent_octets = 0;
  std::uint64_t received_octets = 0;
  std::uint64_t lost = 0;
  std::uint64_t dropped = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);

inline constexpr int clients = 4;
inline constexpr int messages_of_client = 10;
/// For -z, the time between two messages. Over TLS the client takes what one read returns for one
/// message, also when it was two because something was busy.
inline constexpr const char* slow_ms = "150";

/// What has to come out, on whatever server.
[[nodiscard]] Outcome expected(const Scenario& scenario);

struct Login {
  std::vector<std::string> options;  ///< -u and -w, or -W, or none
};
[[nodiscard]] Login login(std::string_view user, std::string_view password);

struct PeerPorts {
  std::uint16_t ipv4 = 0, ipv6 = 0;  ///< the next port has a peer, too
};

struct Run {
  Outcome outcome;
  std::string output;
};

/// Runs it to its end.
[[nodiscard]] Run run_uclient(const Scenario& scenario, const turntest::RelayProcess& relay,
                              const Login& login, const PeerPorts& peers);

/// The sums of the program's output. What is not found stays 0.
[[nodiscard]] Outcome parse_output(const turntest::RunResult& result);

}  // namespace compat
