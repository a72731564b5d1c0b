// Running coturn's programs in a build with sanitizers. Its tools never free what they allocate, and its
// message code writes to odd addresses (to those after a mobility ticket, for one); that is theirs, so
// neither ends the program.
//
// Owner: free functions. Threads: any.
#pragma once

#include <map>
#include <string>

#include "support/child_process.h"

namespace compat {

/// The environment for a program whose leaks are not looked for, nor its undefined behaviour.
[[nodiscard]] std::map<std::string, std::string> lenient();

/// The same for a server, whose leaks are looked for: what is ours must have none.
[[nodiscard]] std::map<std::string, std::string> lenient_server();

/// The lines of a server's output in which a sanitizer names a file of ours.
[[nodiscard]] std::string our_faults(const std::string& output);

/// One of the turnutils_*.
[[nodiscard]] turntest::ChildOptions tool_command(
    std::string_view name, std::vector<std::string> arguments,
    const std::filesystem::path& directory = TURNUTILS_DIR);

}  // namespace compat
