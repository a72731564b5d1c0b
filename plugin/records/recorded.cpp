#include "records/recorded.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace plugin {

namespace {

/// Adds the names in one file; false when it has none.
bool add_names(const std::string& path, std::string_view incarnation,
               std::unordered_set<std::string>& names) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  std::ifstream file(path);
  bool any = false;
  for (std::string line; std::getline(file, line);) {
    if (line.find(incarnation) == std::string::npos) continue;
    // A line that a crash cut short, or that is not ours, says nothing.
    const auto record = nlohmann::json::parse(line, nullptr, false);
    if (!record.is_object()) continue;
    const auto name = record.find("allocation");
    const auto life = record.find("incarnation");
    if (name == record.end() || !name->is_string() || life == record.end() || *life != incarnation)
      continue;
    names.insert(name->get<std::string>());
    any = true;
  }
  return any;
}

}  // namespace

std::unordered_set<std::string> recorded_allocations(const std::string& path,
                                                     std::string_view incarnation) {
  std::unordered_set<std::string> names;
  // The newest may be empty yet: it was just rotated.
  add_names(path, incarnation, names);
  for (int number = 1; add_names(path + "." + std::to_string(number), incarnation, names);)
    ++number;
  return names;
}

}  // namespace plugin
