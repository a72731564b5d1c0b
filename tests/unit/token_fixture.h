// The client that tests of tokens and client ids are about, and when.
// Owner: constants. Threads: any.
#pragma once

#include <vector>

#include "broker/client_token.h"

namespace broker::testing {

inline const Secret secret("north-star");
inline const std::vector<Secret> secrets{secret};
inline const ClientToken token{"acme",    MediaType::video, "alice",
                               "relay-1", 1'700'000'000,    1'700'003'600};
inline constexpr UnixSeconds now_s = 1'700'000'500;

}  // namespace broker::testing
