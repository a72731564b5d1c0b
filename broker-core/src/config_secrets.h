// The secrets of [broker], of a CSP and of its webhook (`secret`, `secrets`, `secret_file`,
// `secrets_files`), and alike the API keys of a CSP and the tokens of [broker.http].
// Owner: load_config. Threads: one.
#pragma once

#include <string_view>
#include <vector>

#include "config_table.h"

namespace broker {

/// `key` is the one of the four that names a single secret: "secret", "api_key", "admin_token" or
/// "metrics_token".
/// In this order: KEY, KEYs, the lines of KEY_file, those of each of KEYs_files; the first is the
/// newest. What a secret is never comes into a message.
[[nodiscard]] std::vector<Secret> read_secrets(const ConfigTable& table,
                                               std::string_view key = "secret");

/// One password that another server has chosen, so of any length up to secret_octets_max: KEY, or the
/// first line of KEY_file. Empty when neither is given.
[[nodiscard]] Secret read_password(const ConfigTable& table, std::string_view key);

}  // namespace broker
