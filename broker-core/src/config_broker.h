// [broker] of the configuration and the tables below it.
// Owner: load_config. Threads: one.
#pragma once

#include "config_table.h"

namespace broker {

/// Fills in all that [broker] says but `include`. What needs the CSPs is checked by check_whole.
void read_broker(const ConfigTable& root, Config& config);

/// The patterns of `include`, as seen from the working directory.
[[nodiscard]] std::vector<ConfigTable::Item> read_include_patterns(const ConfigTable& root);

}  // namespace broker
