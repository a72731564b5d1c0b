// A configuration that a server could start with.
// Owner: none. Threads: any that may wait for the file system.
#pragma once

#include <string>

#include "broker/config.h"

namespace plugin {

/// Loads it, the geoip_database, and the certificate of [broker.http] when that is served over TLS. The
/// error is one line: as of load_config, or with the file and what is wrong with it.
[[nodiscard]] broker::Result<broker::Config> load_usable_config(const std::string& file);

}  // namespace plugin
