// [csp.*] of the configuration.
// Owner: load_config. Threads: one.
#pragma once

#include <functional>
#include <map>

#include "config_table.h"

namespace broker {

/// Where each CSP was defined first.
using CspPlaces = std::map<std::string, ConfigPlace, std::less<>>;

/// Adds the CSPs below `root` to `csps`. One that is there already is reported with both places.
void read_csps(const ConfigTable& root, std::map<std::string, Csp, std::less<>>& csps,
               CspPlaces& places);

}  // namespace broker
