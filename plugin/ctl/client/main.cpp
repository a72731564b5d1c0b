// turnbrokerctl: the operator's hand on a running broker.
#include <exception>

#include "ctl/client/command_line.h"
#include "ctl/client/commands.h"

namespace {

using namespace plugin::ctl;

ExitCode run(int argc, const char* const* argv) {
  const auto parsed = parse_command_line(argc, argv);
  if (const auto* done = std::get_if<ExitCode>(&parsed)) return *done;
  const auto& line = std::get<CommandLine>(parsed);
  if (const auto* check = std::get_if<CheckConfig>(&line.command))
    return check_config(line, *check);
  return ask_server(line, std::get<AskServer>(line.command));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return static_cast<int>(run(argc, argv));
  } catch (const std::exception& error) {
    complain(error.what());
    return static_cast<int>(ExitCode::refused);
  }
}
