// Texts of the files that a configuration consists of, and the paths between them.
// Owner: load_config. Threads: one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config_table.h"

namespace broker {

/// `path` as seen from the directory that `from_file` is in.
[[nodiscard]] std::string beside(std::string_view from_file, std::string_view path);

/// The same for a shell pattern; special characters of from_file's own directory mean themselves.
[[nodiscard]] std::string pattern_beside(std::string_view from_file, std::string_view pattern);

/// Reads within the bounds and notes the file as one to watch. On failure reports at `place` (the
/// key that names the file) what went wrong and what is allowed.
[[nodiscard]] std::optional<Secret> read_config_text(ConfigLoad& load, const std::string& path,
                                                     const ConfigPlace& place,
                                                     std::string_view allowed);

}  // namespace broker
