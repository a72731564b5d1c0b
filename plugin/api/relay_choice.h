// The relays that the client of a request gets.
// Owner: pure functions but for the counts of the context's RelayChooser. Threads: the HTTP thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "api/relay_chooser.h"
#include "api/visit.h"
#include "broker/client_token.h"
#include "broker/config.h"

namespace plugin {

/// The parameters that say where the client is: degrees, both or neither.
inline constexpr std::array<std::string_view, 2> place_parameters{"latitude", "longitude"};

/// For a new call of a client. no-healthy-relay when no relay takes clients, with the reason.
[[nodiscard]] RelayChoice relays_for(const Visit& visit, const broker::Csp& csp,
                                     const std::string& client);

/// For who has a client id already: its own relay while that takes clients, else another; never
/// refused, as the client may be in a call that goes on.
[[nodiscard]] RelayChoice relays_again(const Visit& visit, const broker::Csp& csp,
                                       const broker::ClientToken& token);

}  // namespace plugin
