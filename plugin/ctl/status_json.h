// The JSON shapes of the control interface. Times are RFC 3339 in UTC, volumes are octets.
//
//   usage         {"accounts": [{csp, media, period, client?, limit_octets, used_octets,
//                                client_to_peer_octets, peer_to_client_octets, allocations,
//                                exhausted}]}
//                 `used_octets` is what costs quota; `client` is there in the rows of one client
//                 name
//   allocations   {"allocations": [{id, csp, media, client, client_address, relayed_addresses: [],
//                                   transport, start, expiry|null,
//                                   client_to_peer_octets, peer_to_client_octets,
//                                   client_to_peer_packets, peer_to_client_packets}]}
//   cut           {"cut": N}
//   credentials   {username, password, ttl, uris: [], client_id}
//   revoke        {"revoked": WHO, "cut": N}
//   reload        {"reloaded": true, "restart_needed": []}
//   drain         {draining, stay, until|null, allocations}
//   status        {version, relay, incarnation, started, config_file, config_loaded,
//                  config_error|null, restart_needed: [], allocations, allocations_max, accounts,
//                  records_written, store, drain: {stay, until|null}|null}
//
// A list with more than list_rows_max rows ends there and gains "truncated": true, "total": N.
//
// Owner: pure functions. Threads: any.
#pragma once

#include <span>

#include "ctl/control.h"
#include "http/message.h"

namespace plugin {

/// Keeps the broker thread from spending more than some tens of milliseconds on one answer.
inline constexpr std::size_t list_rows_max = 5'000;

[[nodiscard]] http::Json usage_json(std::span<const AccountStatus> accounts);
[[nodiscard]] http::Json allocations_json(std::span<const AllocationStatus> allocations);
[[nodiscard]] http::Json credentials_json(const broker::IssuedCredentials& credentials);
[[nodiscard]] http::Json drain_json(const DrainStatus& drain);
[[nodiscard]] http::Json status_json(const BrokerStatus& status);

}  // namespace plugin
