// What the fleet's registry runs in Redis (lua/).
// Owner: constants. Threads: any.
#pragma once

#include "redis/script.h"

namespace plugin::registry_scripts {

[[nodiscard]] const redis::Script& heartbeat();
[[nodiscard]] const redis::Script& roster();
[[nodiscard]] const redis::Script& gone();

}  // namespace plugin::registry_scripts
