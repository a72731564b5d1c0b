// The ledger's rules as scripts that Redis runs (lua/).
// Owner: constants. Threads: any.
#pragma once

#include "redis/script.h"

namespace plugin::ledger_scripts {

[[nodiscard]] const redis::Script& exchange();
[[nodiscard]] const redis::Script& places();
[[nodiscard]] const redis::Script& usage();
[[nodiscard]] const redis::Script& books();
[[nodiscard]] const redis::Script& refund();
[[nodiscard]] const redis::Script& revoke();

}  // namespace plugin::ledger_scripts
