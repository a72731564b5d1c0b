// The secrets of [broker] and of a CSP: `secret`, `secrets`, `secret_file`, `secrets_files`.
// Owner: load_config. Threads: one.
#pragma once

#include <vector>

#include "config_table.h"

namespace broker {

/// In this order: secret, secrets, the lines of secret_file, those of each of secrets_files; the
/// first is the newest. What a secret is never comes into a message.
[[nodiscard]] std::vector<Secret> read_secrets(const ConfigTable& table);

}  // namespace broker
