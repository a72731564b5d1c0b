// What the tests of credentials, configuration and the operator's tools share: a relay as an
// operator sets it up, one-packet exchanges, and a look at the records. Owner: values and free
// functions. Threads: one at a time.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker_relay.h"
#include "support/temp_dir.h"
#include "support/turn_client.h"
#include "support/udp_peer.h"
#include "support/wait_until.h"

namespace credentials_test {

/// What any test waits for something that will happen.
inline constexpr turntest::Milliseconds patience{20'000};
/// What the product has for taking up a changed file. Slower builds get more.
inline constexpr turntest::Milliseconds promptly{turntest::rounds(1'000, 5'000)};

inline constexpr std::string_view broker_secret = "broker-secret-0123456789";
inline constexpr std::uint16_t channel = 0x4000;

[[nodiscard]] turntest::BrokerRelayOptions options_with(std::string csps, std::string broker = "",
                                                        std::vector<std::string> arguments = {});

/// [csp.ID] with one quota. Without a secret it cannot mint credentials.
[[nodiscard]] std::string csp(std::string_view id, std::string_view volume,
                              std::string_view more = "", std::string_view secret = "",
                              std::string_view media = "data");

[[nodiscard]] turntest::ClientOptions as(
    turntest::BrokerRelay& relay, const turntest::Credentials& credentials,
    turntest::TransportKind transport = turntest::TransportKind::udp);
/// How an Allocate with these credentials ends.
[[nodiscard]] turntest::Outcome try_allocate(turntest::BrokerRelay& relay,
                                             const turntest::Credentials& credentials);

struct Issued {
  turntest::Credentials credentials;
  std::string client_id;
  std::string token;  ///< the client id without its proof, as the username has it
};
/// `turnbrokerctl credentials`.
[[nodiscard]] Issued issue(turntest::BrokerRelay& relay, std::string_view csp_id,
                           std::string_view media, std::string_view client,
                           std::string_view ttl = "1h");

/// The client's only usage record; waits for it.
[[nodiscard]] nlohmann::json record_of(const turntest::BrokerRelay& relay, std::string_view client);
/// The client's row of `turnbrokerctl allocations`; nullopt when it has none.
[[nodiscard]] std::optional<nlohmann::json> live_row(turntest::BrokerRelay& relay,
                                                     std::string_view client);

/// An allocation with a channel to a peer of its own.
class Talk {
 public:
  Talk(const turntest::ClientOptions& client, const turntest::AllocateOptions& allocate = {});
  /// Sends one payload and waits for it; false when it did not arrive.
  bool send(std::size_t octets, turntest::Milliseconds timeout = patience);
  /// Sends payloads until one does not arrive, because the allocation is gone.
  bool wait_silent(turntest::Milliseconds timeout);

  turntest::UdpPeer peer;
  turntest::TurnClient client;
};

}  // namespace credentials_test
