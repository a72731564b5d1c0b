// The JSON shapes of what is told of the fleet and of its ledger. Times are RFC 3339 in UTC, volumes are
// octets.
//
//   relays        {"relays": [{relay, self, domain|null, region|null, version, incarnation, up, healthy,
//                              reason|null, draining, allocations, allocations_max|null,
//                              capacity_bits_per_s|null, client_to_peer_octets_per_s,
//                              peer_to_client_octets_per_s, cpu, dropped_packets_per_s,
//                              heartbeat_age_s}]}
//   domains       {"domains": [{domain|null, relays, up, healthy, draining, allocations,
//                               allocations_max|null, capacity_bits_per_s|null,
//                               client_to_peer_octets_per_s, peer_to_client_octets_per_s}]}
//   fleet usage   {"accounts": [{csp, media, period, period_start|null, client?, limit_octets|null,
//                                used_octets, granted_octets, client_to_peer_octets,
//                                peer_to_client_octets, client_to_peer_packets, peer_to_client_packets,
//                                damaged?: true, relays?: [{relay|null, incarnation|null, state,
//                                  used_octets, granted_octets, client_to_peer_octets,
//                                  peer_to_client_octets}]}], "complete"}
//                 `granted_octets` are with those used; a row of `relays` without a relay is what
//                 ended incarnations used
//   ledger check  {ok, complete, accounts, faults, notes, findings: [{kind, fault, csp|null, media|null,
//                  period_start|null, client?, relay|null, account|null, text}]}
//
// A list with more rows than it may have ends there and gains "truncated": true, "total": N.
//
// Owner: pure functions. Threads: any.
#pragma once

#include <span>

#include "ctl/fleet_status.h"
#include "http/message.h"

namespace plugin {

[[nodiscard]] http::Json relays_json(std::span<const RelayView> relays);
[[nodiscard]] http::Json domains_json(std::span<const DomainView> domains);
[[nodiscard]] http::Json ledger_usage_json(const LedgerUsage& usage, bool by_relay);
[[nodiscard]] http::Json ledger_check_json(const LedgerCheck& check);

}  // namespace plugin
