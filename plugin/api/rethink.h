// The routes of the reTHINK QoS broker, with its own answers, for clients that were written for it.
//
//   GET /getAppropriateTurn?cspId=&clientName=&mediaType=?  -> ["ip:port","clientId"], or 404 and text
//   GET /getCredentials?clientId=             -> {"clientId":"<user name>","password":"..."}
//   GET /getAllCspInfo         admin token    -> [{"videoQuota","audioQuota","dataQuota","csp"}]
//   GET /getCspConso?cspkey=prov:X  alike     -> {"audio","video","data"}
//   /provRequest, /changeQuotas, /deleteCSP   -> 410: the configuration file does that
//
// Its quotas and consumptions are octets, as strings. Its CSPs may have capitals in their names.
// Owner: pure functions but for the buckets in `context`. Threads: the HTTP thread.
#pragma once

#include "api/api_context.h"
#include "http/message.h"

namespace plugin {

[[nodiscard]] http::Response get_appropriate_turn(ApiContext& context,
                                                  const http::Request& request);
[[nodiscard]] http::Response get_credentials(ApiContext& context, const http::Request& request);
[[nodiscard]] http::Response get_all_csp_info(ApiContext& context, const http::Request& request);
[[nodiscard]] http::Response get_csp_conso(ApiContext& context, const http::Request& request);
[[nodiscard]] http::Response configured_in_the_file(ApiContext& context,
                                                    const http::Request& request);

}  // namespace plugin
