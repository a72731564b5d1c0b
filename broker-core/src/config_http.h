// [broker.http] of the configuration, and what a CSP says of the HTTP API.
// Owner: load_config. Threads: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config_table.h"

namespace broker {

[[nodiscard]] HttpConfig read_http(const ConfigTable& broker_table);

/// `allowed_origins` of a CSP.
[[nodiscard]] std::vector<std::string> read_origins(const ConfigTable& csp_table);

/// `webhook` of a CSP.
[[nodiscard]] std::optional<WebhookConfig> read_webhook(const ConfigTable& csp_table);

}  // namespace broker
