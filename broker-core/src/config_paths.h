// The broker's own files: that no two of them are one, which would destroy both.
// Owner: free function. Threads: one.
#pragma once

#include "broker/config.h"
#include "config_table.h"

namespace broker {

/// Reports a path of the [broker] table that cannot be used as what it is given for.
void check_paths(const ConfigTable& broker_table, const Config& config);

}  // namespace broker
