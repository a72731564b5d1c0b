#include "config_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t shown_octets_max = 64;
constexpr std::size_t file_name_octets_max = 512;

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
  return text;
}

}  // namespace

void ConfigLoad::report(const ConfigPlace& place, std::string_view what) {
  if (problem) return;
  problem = Error{place.text() + ": " + std::string(what)};
}

void ConfigLoad::note_secret_in(const std::string& file) {
  if (std::find(secret_files.begin(), secret_files.end(), file) == secret_files.end())
    secret_files.push_back(file);
}

std::string ConfigPlace::text() const {
  return printable(file, file_name_octets_max) + (line == 0 ? "" : ':' + std::to_string(line)) +
         (key.empty() ? "" : ": " + key);
}

Error with_allowed(const Error& error, std::string_view allowed) {
  constexpr std::string_view mark = "; allowed: ";
  return Error{error.message.substr(0, error.message.find(mark)) + std::string(mark) +
               std::string(allowed)};
}

std::string key_text(std::string_view key) {
  const bool bare = !key.empty() && key.size() <= shown_octets_max &&
                    std::all_of(key.begin(), key.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '_' || c == '-';
                    });
  return bare ? std::string(key) : quoted(key, shown_octets_max);
}

std::string describe(const TomlNode& node, bool show_value) {
  const auto with = [&](std::string_view kind, const std::string& value) {
    return std::string(kind) + (show_value ? ", " + value : "");
  };
  switch (node.kind) {
    case TomlNode::Kind::string:
      return with("a string", quoted(node.text.reveal(), shown_octets_max));
    case TomlNode::Kind::integer: return with("an integer", std::to_string(node.integer));
    case TomlNode::Kind::real: return "a number with a fraction";
    case TomlNode::Kind::boolean: return with("a boolean", node.boolean ? "true" : "false");
    case TomlNode::Kind::time: return "a date or time";
    case TomlNode::Kind::array: return "an array";
    case TomlNode::Kind::table: return "a table";
  }
  return "";
}

std::optional<std::string> problem_of_text(std::string_view text, std::size_t length_max) {
  if (text.empty()) return "an empty string";
  if (text.size() > length_max) return "a string of " + std::to_string(text.size()) + " octets";
  if (has_unprintable(text)) return "a string with a control character";
  return std::nullopt;
}

ConfigTable::ConfigTable(ConfigLoad& load, std::string file, const TomlNode& table, std::string key,
                         std::initializer_list<std::string_view> known)
    : load_(load), file_(std::move(file)), table_(table), key_(std::move(key)) {
  const std::span<const std::string_view> names(known.begin(), known.size());
  if (names.empty()) return;  // its keys are names that the operator gives
  for (const TomlEntry& entry : table_.entries) {
    if (load_.problem) return;
    if (std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
    const std::optional<std::string_view> near = nearest_key(entry.key, names);
    const std::string hint = near ? ", perhaps meant as " + std::string(*near) : "";
    report(entry.key, "unknown key" + hint + "; allowed: " + joined(names));
  }
}

std::string ConfigTable::full_key(std::string_view key) const {
  return key_ + (key_.empty() ? "" : ".") + key_text(key);
}

const TomlEntry* ConfigTable::find(std::string_view key) const {
  for (const TomlEntry& entry : table_.entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

ConfigPlace ConfigTable::place(std::string_view key) const {
  const TomlEntry* entry = find(key);
  return {file_, entry != nullptr ? entry->line : table_.line, full_key(key)};
}

void ConfigTable::report_missing(std::string_view key, std::string_view allowed) const {
  report(key, "missing; allowed: " + std::string(allowed));
}

void ConfigTable::boolean(std::string_view key, bool& out) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  if (entry->value.kind == TomlNode::Kind::boolean)
    out = entry->value.boolean;
  else
    report(key, describe(entry->value) + "; allowed: true or false");
}

void ConfigTable::integer(std::string_view key, std::uint32_t& out, std::uint32_t min,
                          std::uint32_t max) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  const TomlNode& value = entry->value;
  if (value.kind == TomlNode::Kind::integer && value.integer >= min && value.integer <= max)
    out = static_cast<std::uint32_t>(value.integer);
  else
    report(key, describe(value) + "; allowed: an integer from " + std::to_string(min) + " to " +
                    std::to_string(max));
}

void ConfigTable::number(std::string_view key, double& out, std::uint32_t max) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  const TomlNode& value = entry->value;
  const bool whole = value.kind == TomlNode::Kind::integer;
  const double number = whole ? static_cast<double>(value.integer) : value.real;
  // What is not a number is not within anything.
  if ((whole || value.kind == TomlNode::Kind::real) && std::abs(number) <= max)
    out = number;
  else
    report(key, describe(value) + "; allowed: a number from -" + std::to_string(max) + " to " +
                    std::to_string(max));
}

void ConfigTable::ascending(std::string_view key, std::vector<std::uint32_t>& out,
                            std::uint32_t min, std::uint32_t max, std::size_t items_max) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  const std::string also = "; allowed: an array of at most " + std::to_string(items_max) +
                           " integers from " + std::to_string(min) + " to " + std::to_string(max) +
                           ", each larger than the one before";
  if (entry->value.kind != TomlNode::Kind::array) return report(key, describe(entry->value) + also);
  if (entry->value.items.size() > items_max)
    return report(key, "an array of " + std::to_string(entry->value.items.size()) + also);
  std::vector<std::uint32_t> numbers;
  for (const TomlNode& node : entry->value.items) {
    const bool fits = node.kind == TomlNode::Kind::integer && node.integer >= min &&
                      node.integer <= max && (numbers.empty() || node.integer > numbers.back());
    if (!fits)
      return load_.report(
          {file_, node.line, full_key(key) + '[' + std::to_string(numbers.size()) + ']'},
          describe(node) + also);
    numbers.push_back(static_cast<std::uint32_t>(node.integer));
  }
  out = std::move(numbers);
}

std::optional<std::string> ConfigTable::text(std::string_view key, std::string_view allowed,
                                             std::size_t length_max) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  std::optional<std::string> wrong;
  if (entry->value.kind != TomlNode::Kind::string)
    wrong = describe(entry->value);
  else
    wrong = problem_of_text(entry->value.text.reveal(), length_max);
  if (!wrong) return std::string(entry->value.text.reveal());
  report(key, *wrong + "; allowed: " + std::string(allowed));
  return std::nullopt;
}

std::vector<ConfigTable::Item> ConfigTable::texts(std::string_view key, std::string_view allowed,
                                                  std::size_t length_max,
                                                  std::size_t items_max) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return {};
  const std::string also = "; allowed: " + std::string(allowed);
  if (entry->value.kind != TomlNode::Kind::array) {
    report(key, describe(entry->value) + also);
    return {};
  }
  const std::vector<TomlNode>& nodes = entry->value.items;
  if (nodes.size() > items_max) {
    report(key, "an array of " + std::to_string(nodes.size()) + also);
    return {};
  }
  std::vector<Item> items;
  for (const TomlNode& node : nodes) {
    const ConfigPlace place{file_, node.line,
                            full_key(key) + '[' + std::to_string(items.size()) + ']'};
    if (node.kind != TomlNode::Kind::string)
      load_.report(place, describe(node) + also);
    else if (const auto wrong = problem_of_text(node.text.reveal(), length_max))
      load_.report(place, *wrong + also);
    items.push_back({place, std::string(node.text.reveal())});
  }
  return items;
}

std::optional<ConfigTable> ConfigTable::table(std::string_view key,
                                              std::initializer_list<std::string_view> known) const {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->value.kind != TomlNode::Kind::table) {
    report(key, describe(entry->value) + "; allowed: a table");
    return std::nullopt;
  }
  return ConfigTable(load_, file_, entry->value, full_key(key), known);
}

}  // namespace broker
