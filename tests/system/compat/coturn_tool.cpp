#include "coturn_tool.h"

#include <cstdlib>
#include <sstream>

namespace compat {

using namespace turntest;

namespace {

/// The environment's value with one more option, which is for the sanitizer the last word.
std::string with(const char* variable, const std::string& option) {
  const char* others = std::getenv(variable);
  return others == nullptr ? option : std::string(others) + ":" + option;
}

}  // namespace

std::map<std::string, std::string> lenient() {
  return {{"ASAN_OPTIONS", with("ASAN_OPTIONS", "detect_leaks=0")},
          {"UBSAN_OPTIONS", with("UBSAN_OPTIONS", "halt_on_error=0")}};
}

std::map<std::string, std::string> lenient_server() {
  return {{"UBSAN_OPTIONS", with("UBSAN_OPTIONS", "halt_on_error=0")}};
}

std::string our_faults(const std::string& output) {
  std::string faults;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("runtime error: ") == std::string::npos) continue;
    const bool ours = line.find("turn_plugin") != std::string::npos ||
                      line.find("turn_removed_options") != std::string::npos ||
                      line.find("turn_stream_start") != std::string::npos ||
                      line.find("/plugin/") != std::string::npos ||
                      line.find("broker-core/") != std::string::npos;
    if (ours) faults += line + "\n";
  }
  return faults;
}

ChildOptions tool_command(std::string_view name, std::vector<std::string> arguments,
                          const std::filesystem::path& directory) {
  ChildOptions command;
  command.program = directory / name;
  command.arguments = std::move(arguments);
  command.environment = lenient();
  return command;
}

}  // namespace compat
