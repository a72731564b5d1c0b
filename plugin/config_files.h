// How the configuration's text comes in from the file system.
// Owner: none; the functions hold no state. Threads: any; they block on the file system, so not a
// relay thread.
#pragma once

#include "broker/config.h"

namespace plugin {

/// read: a regular file of at most broker::config_file_octets_max octets. A directory, a FIFO or a
/// device is an error and never waited for. match: as glob(3), sorted by octets; a directory that
/// cannot be read is an error.
[[nodiscard]] broker::ConfigFiles real_config_files();

}  // namespace plugin
