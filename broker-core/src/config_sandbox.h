// Reads [broker.sandbox]. Owner: none. Threads: any.
#pragma once

#include "broker/config.h"
#include "config_table.h"

namespace broker {

[[nodiscard]] SandboxConfig read_sandbox(const ConfigTable& broker_table);

}  // namespace broker
