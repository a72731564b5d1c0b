// How a CSP's clients are spread over the relays, of its table in the configuration.
// Owner: load_config. Threads: one.
#pragma once

#include "broker/selection_rules.h"
#include "config_table.h"

namespace broker {

/// `selection`, `domains`, `sticky` and `fallbacks`.
[[nodiscard]] SelectionRules read_selection(const ConfigTable& csp_table);

}  // namespace broker
