// What an operator should hear of a configuration that can be used as it is.
// Owner: free function. Threads: any that may wait for the file system.
#pragma once

#include <string>
#include <vector>

#include "broker/config.h"

namespace plugin {

/// One sentence each: files with secrets that others than owner and group may read or write, and patterns of
/// `include` that match no file. They name files and nothing of what is in them.
[[nodiscard]] std::vector<std::string> remarks_on(const broker::Config& config,
                                                  const broker::ConfigFiles& files);

}  // namespace plugin
