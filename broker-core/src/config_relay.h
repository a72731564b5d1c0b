// [relay] of the configuration.
// Owner: load_config. Threads: one.
#pragma once

#include "config_table.h"

namespace broker {

[[nodiscard]] RelayConfig read_relay(const ConfigTable& root);

}  // namespace broker
