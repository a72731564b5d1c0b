// [broker.store] of the configuration.
// Owner: load_config. Threads: one.
#pragma once

#include "config_table.h"

namespace broker {

[[nodiscard]] StoreConfig read_store(const ConfigTable& broker_table);

}  // namespace broker
