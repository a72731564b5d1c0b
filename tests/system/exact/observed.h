// What was relayed, as the product states it: usage records, live allocations, account rows, the
// ledger's file. A test holds these against what the far ends and the packet capture counted.
// Owner: values and free functions. Threads: one at a time.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "broker_relay.h"
#include "support/bytes.h"
#include "support/packet_capture.h"

namespace turntest {
std::ostream& operator<<(std::ostream& out, const TrafficCount& count);
}

namespace exact {

/// What any test waits for something that will happen.
inline constexpr turntest::Milliseconds patience{20'000};

/// Application payload by direction.
struct Relayed {
  turntest::TrafficCount client_to_peer, peer_to_client;
  Relayed& operator+=(const Relayed& other);
  friend bool operator==(const Relayed&, const Relayed&) = default;
};
std::ostream& operator<<(std::ostream& out, const Relayed& relayed);

/// What passed between a relayed transport address and a peer, as the capture saw it.
[[nodiscard]] Relayed captured(const turntest::PacketCapture& capture,
                               const turntest::Address& relayed, const turntest::Address& peer);

/// Of a usage record, or of a row of `turnbrokerctl allocations`.
[[nodiscard]] Relayed relayed_of(const nlohmann::json& row);
/// The client's usage record, which there must be exactly one of; waits for it.
[[nodiscard]] nlohmann::json record_of(const turntest::BrokerRelay& relay, std::string_view client);
/// The client's row of `turnbrokerctl allocations`. Throws when there is none.
[[nodiscard]] nlohmann::json live_row(turntest::BrokerRelay& relay, std::string_view client);

/// An account as the ledger's file has it. Only of a relay that has stopped.
struct LedgerRow {
  Relayed relayed;
  std::uint64_t charged_octets = 0;
  std::uint64_t granted_octets = 0;
};
[[nodiscard]] LedgerRow ledger_row(const std::filesystem::path& state_dir,
                                   std::string_view csp = "acme", int media = 2);

/// Options of one CSP, acme, with a quota that no test here uses up.
[[nodiscard]] turntest::BrokerRelayOptions with_room(std::vector<std::string> arguments = {},
                                                     std::string_view quota_lines = "");

/// Ends the relay in good order and holds its ledger and all its records against `expected`.
void check_books(turntest::BrokerRelay& relay, const Relayed& expected);

}  // namespace exact
