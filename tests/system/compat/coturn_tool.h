// Running coturn's programs to their end. Several of them never free what they allocate; that is theirs, so
// a build that looks for leaks does not look for these.
//
// Owner: free functions. Threads: any.
#pragma once

#include <map>
#include <string>

#include "support/child_process.h"

namespace compat {

/// The environment for a program whose leaks are not looked for.
[[nodiscard]] std::map<std::string, std::string> leaks_allowed();

/// One of the turnutils_*.
[[nodiscard]] turntest::ChildOptions tool_command(
    std::string_view name, std::vector<std::string> arguments,
    const std::filesystem::path& directory = TURNUTILS_DIR);

}  // namespace compat
