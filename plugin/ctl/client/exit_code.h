// What turnbrokerctl tells a script.
// Owner: values. Threads: any.
#pragma once

namespace plugin::ctl {

enum class ExitCode : int {
  ok = 0,
  refused = 1,     ///< the answer is an error, or what was checked has one
  usage = 2,       ///< the command line is wrong
  unreachable = 3  ///< no answer, or none that can be understood
};

}  // namespace plugin::ctl
