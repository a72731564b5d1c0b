// turnbrokerctl's command line as values.
// Owner: values. Threads: any.
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "ctl/client/exit_code.h"
#include "ctl/client/http_client.h"
#include "http/message.h"

namespace plugin::ctl {

/// A command for the running server, and how its answer is shown to people.
struct AskServer {
  HttpCall call;
  std::string (*report)(const http::Json& answer) = nullptr;
  /// Whether the answer says that all is well; without it every answer does.
  bool (*is_good)(const http::Json& answer) = nullptr;
};

/// A command that needs no server.
struct CheckConfig {
  std::string file;
};

struct CommandLine {
  std::string socket;  ///< empty: from `config`, or the default
  std::string config;
  std::chrono::seconds timeout{10};
  bool json = false;
  std::variant<AskServer, CheckConfig> command;
};

/// ExitCode: nothing is left to do, help or an error was printed.
[[nodiscard]] std::variant<CommandLine, ExitCode> parse_command_line(int argc,
                                                                     const char* const* argv);

}  // namespace plugin::ctl
