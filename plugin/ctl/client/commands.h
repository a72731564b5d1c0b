// What turnbrokerctl does once its command line is understood.
// Owner: functions that print. Threads: the main thread.
#pragma once

#include "ctl/client/command_line.h"
#include "ctl/client/exit_code.h"

namespace plugin::ctl {

/// Sends the call and prints the answer to stdout, or what was refused to stderr.
[[nodiscard]] ExitCode ask_server(const CommandLine& line, const AskServer& command);

/// Prints "FILE: ok, N CSPs" or the configuration's error.
[[nodiscard]] ExitCode check_config(const CommandLine& line, const CheckConfig& command);

/// One line to stderr, fit for a terminal.
void complain(std::string_view what);

}  // namespace plugin::ctl
