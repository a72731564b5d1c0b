// The public routes that issue client ids and credentials.
//
//   GET, POST /v1/getTurnAddr         cspID, mediaType, clientName, ttl?
//             -> {"clientID", "urls", "relay", "expiry", "ttl"}
//   GET, POST /v1/getTurnCredentials  clientID
//             -> {"username", "password", "ttl", "uris", "iceServers"}
//   GET, POST /v1/iceServers          cspID, mediaType, clientName, ttl?
//             -> {"clientID", "expiry", "username", "password", "ttl", "uris", "iceServers"}
//   GET, POST /?service=turn          username?, key, mediaType? (draft-uberti-rtcweb-turn-rest-00)
//             -> {"username", "password", "ttl", "uris"}
//
// Each takes latitude? and longitude? of the client, too. Times are Unix seconds, ttl is what is left of them. Errors: api/problems.h.
// Owner: pure functions but for the buckets in `context`. Threads: the HTTP thread.
#pragma once

#include <string>

#include "api/api_context.h"
#include "api/relay_choice.h"
#include "api/visit.h"
#include "broker/credentials.h"
#include "http/message.h"

namespace plugin {

[[nodiscard]] http::Response get_turn_addr(ApiContext& context, const http::Request& request);
[[nodiscard]] http::Response get_turn_credentials(ApiContext& context,
                                                  const http::Request& request);
[[nodiscard]] http::Response get_ice_servers(ApiContext& context, const http::Request& request);
[[nodiscard]] http::Response get_turn_rest(ApiContext& context, const http::Request& request);

/// The media type of that name; without a name the CSP's only quota, else data. bad-media-type.
[[nodiscard]] broker::MediaType media_type_of(const broker::Csp& csp, const std::string& name);

struct Issued {
  std::string client_id;  ///< with its proof
  broker::ClientToken token;
  RelayChoice relays;
};

/// A new client id for a client of the CSP and the relay that is chosen for it, after all checks of
/// quota and health.
[[nodiscard]] Issued issue_to(const Visit& visit, const broker::Csp& csp, broker::MediaType media,
                              const std::string& client, std::int64_t ttl_s);

/// The credentials of a client id that was issued or verified, for these relays.
[[nodiscard]] broker::IssuedCredentials credentials_of(const Visit& visit,
                                                       const std::string& client_id,
                                                       const broker::ClientToken& token,
                                                       RelayChoice relays);

}  // namespace plugin
