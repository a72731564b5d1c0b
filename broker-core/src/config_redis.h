// What [broker.store] says of Redis.
// Owner: load_config. Threads: one.
#pragma once

#include "config_table.h"

namespace broker {

[[nodiscard]] RedisConfig read_redis(const ConfigTable& store_table);

}  // namespace broker
