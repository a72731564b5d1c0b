#include "coturn_tool.h"

#include <cstdlib>

namespace compat {

using namespace turntest;

std::map<std::string, std::string> leaks_allowed() {
  const char* options = std::getenv("ASAN_OPTIONS");
  const std::string others = options == nullptr ? "" : std::string(options) + ":";
  return {{"ASAN_OPTIONS", others + "detect_leaks=0"}};
}

ChildOptions tool_command(std::string_view name, std::vector<std::string> arguments,
                          const std::filesystem::path& directory) {
  ChildOptions command;
  command.program = directory / name;
  command.arguments = std::move(arguments);
  command.environment = leaks_allowed();
  return command;
}

}  // namespace compat
