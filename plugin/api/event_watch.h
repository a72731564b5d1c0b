// Whose events a watcher sees.
// Owner: values and pure functions. Threads: any.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/event.h"
#include "broker/client_proof.h"
#include "broker/config.h"

namespace plugin {

struct WatchedClient {
  std::string client_id;      ///< as the client knows it, with its proof
  broker::ClientToken token;  ///< what the id says
};

/// Some clients, or all of a CSP.
using Watch = std::variant<std::vector<WatchedClient>, std::string>;

/// Whether the event is for the watcher; then the client id it concerns, empty when it concerns none in
/// particular. A client sees what concerns its account (CSP and media type), but the end only of
/// allocations of its own name.
[[nodiscard]] std::optional<std::string_view> sees(const Watch& watch, const Event& event);

/// The accounts it watches, each once.
using AccountName = std::pair<std::string, broker::MediaType>;
[[nodiscard]] std::vector<AccountName> watched_accounts(const Watch& watch,
                                                        const broker::Config& config);

/// When the first of its client ids expires; 0: it has none.
[[nodiscard]] broker::UnixSeconds first_expiry_s(const Watch& watch);

}  // namespace plugin
