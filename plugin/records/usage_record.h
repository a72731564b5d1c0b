// What is kept of an allocation when it has ended: one line of JSON.
// Owner: values. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/account.h"

namespace plugin {

enum class EndReason : std::uint8_t {
  released,  ///< by the client, or its connection ended
  expired,   ///< its lifetime ran out
  quota_exhausted,
  cancelled,  ///< by an operator
  revoked,    ///< its credential was
  shutdown,
  recovered  ///< found in the meter table after the process had died
};

[[nodiscard]] std::string_view to_string(EndReason reason);

struct UsageRecord {
  std::string relay;
  std::string incarnation;  ///< hex
  std::string allocation;   ///< unique over relays and restarts
  std::string csp;
  broker::MediaType media = broker::MediaType::audio;
  std::string client;          ///< the client's name; written as "client"
  std::string transport;       ///< udp | tcp | tls | dtls
  std::string client_address;  ///< "192.0.2.1:4711", "[2001:db8::1]:4711"
  std::vector<std::string> relayed_addresses;
  std::int64_t start_ms = 0;  ///< Unix time in milliseconds
  std::int64_t end_ms = 0;
  broker::UsedTotals used;
  EndReason reason = EndReason::released;
};

/// The record as one line of JSON with its newline. The fields are, in this order: relay,
/// incarnation, allocation, csp, media, client, transport, client_address, relayed_addresses,
/// start, end (RFC 3339 in UTC with milliseconds), client_to_peer_octets, peer_to_client_octets,
/// client_to_peer_packets, peer_to_client_packets, reason. Text that is not UTF-8 gets replacement
/// characters.
[[nodiscard]] std::string json_line(const UsageRecord& record);

/// "2026-11-20T04:37:00.125Z". Years outside 0000..9999 are shown as the nearest of these.
[[nodiscard]] std::string format_utc_ms(std::int64_t unix_ms);

}  // namespace plugin
