// Typed access to one TOML table of the configuration: each reader checks, and the first problem
// met is kept as the one line that the operator sees. Owner: load_config, on its stack. Threads:
// one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"
#include "toml_document.h"

namespace broker {

inline constexpr std::size_t path_octets_max = 4095;  // PATH_MAX without its NUL
inline constexpr std::string_view path_allowed = "a path of 1 to 4095 octets";
inline constexpr std::size_t csp_name_octets_max = 256;

/// Where a thing stands in the configuration: "FILE:LINE: KEY".
struct ConfigPlace {
  std::string file;
  std::uint32_t line = 1;  ///< 0: the file as a whole
  std::string key;
  [[nodiscard]] std::string text() const;
};

/// What one load_config call gathers on its way.
struct ConfigLoad {
  const ConfigFiles& files;
  std::optional<Error> problem{};           ///< the first one
  std::vector<std::string> files_read{};    ///< in the order they were read
  std::vector<std::string> secret_files{};  ///< those with a secret in them
  std::size_t octets_read = 0;              ///< of all files together

  /// "FILE:LINE: KEY: what" becomes the problem, unless there is one already.
  void report(const ConfigPlace& place, std::string_view what);
  /// That there is a secret in the file.
  void note_secret_in(const std::string& file);
};

class ConfigTable {
 public:
  /// `key` is the table's full name, empty for the root. Reports a key that is not among `known`,
  /// unless that is empty: then the keys are names that the operator gives.
  ConfigTable(ConfigLoad& load, std::string file, const TomlNode& table, std::string key,
              std::initializer_list<std::string_view> known);

  [[nodiscard]] ConfigLoad& load() const { return load_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  /// The table itself.
  [[nodiscard]] ConfigPlace place() const { return {file_, table_.line, key_}; }
  /// One of its keys, or of the table when the key is missing.
  [[nodiscard]] ConfigPlace place(std::string_view key) const;

  /// The entry of a key, nullptr when it is not given.
  [[nodiscard]] const TomlEntry* find(std::string_view key) const;
  [[nodiscard]] const std::vector<TomlEntry>& entries() const { return table_.entries; }

  /// Each leaves `out` alone when the key is missing or wrong. `allowed` completes "allowed: ...".
  void boolean(std::string_view key, bool& out) const;
  void integer(std::string_view key, std::uint32_t& out, std::uint32_t min,
               std::uint32_t max) const;
  /// An integer or a number with a fraction, from -max to max.
  void number(std::string_view key, double& out, std::uint32_t max) const;

  /// A string without control characters of 1 .. length_max octets.
  [[nodiscard]] std::optional<std::string> text(std::string_view key, std::string_view allowed,
                                                std::size_t length_max) const;

  /// A string that `parse` turns into a Result<T>, whose error says "found; allowed: ...".
  template <typename Parse, typename T>
  void parsed(std::string_view key, std::string_view allowed, const Parse& parse, T& out) const {
    const std::optional<std::string> value = text(key, allowed, parsed_octets_max);
    if (!value) return;
    const auto result = parse(*value);
    if (result)
      out = result.value();
    else
      report(key, result.error().message);
  }

  struct Item {
    ConfigPlace place;
    std::string text;
  };
  /// An array of 1-line strings, each as text() has it, at most items_max of them.
  [[nodiscard]] std::vector<Item> texts(std::string_view key, std::string_view allowed,
                                        std::size_t length_max, std::size_t items_max) const;

  /// An array of at most items_max integers from min to max, each larger than the one before.
  void ascending(std::string_view key, std::vector<std::uint32_t>& out, std::uint32_t min,
                 std::uint32_t max, std::size_t items_max) const;

  /// A table under this one.
  [[nodiscard]] std::optional<ConfigTable> table(
      std::string_view key, std::initializer_list<std::string_view> known) const;

  void report(std::string_view key, std::string_view what) const { load_.report(place(key), what); }
  /// "missing; allowed: ..."
  void report_missing(std::string_view key, std::string_view allowed) const;

  /// The full name of a key of this table.
  [[nodiscard]] std::string full_key(std::string_view key) const;

 private:
  static constexpr std::size_t parsed_octets_max = 128;

  ConfigLoad& load_;
  std::string file_;
  const TomlNode& table_;
  std::string key_;
};

/// "an integer, 5", "an array": what stands there, the value only if it may be shown.
[[nodiscard]] std::string describe(const TomlNode& node, bool show_value = true);

/// The error with another "allowed": the key's own range instead of the type's.
[[nodiscard]] Error with_allowed(const Error& error, std::string_view allowed);

/// A key as it is written in TOML: bare, or quoted.
[[nodiscard]] std::string key_text(std::string_view key);

/// What is wrong with a string value: control characters, or a length out of 1 .. length_max. The
/// sentence shows nothing of the value.
[[nodiscard]] std::optional<std::string> problem_of_text(std::string_view text,
                                                         std::size_t length_max);

/// The known key that `key` is a misspelling of, or nullopt when none is near.
[[nodiscard]] std::optional<std::string_view> nearest_key(std::string_view key,
                                                          std::span<const std::string_view> known);

}  // namespace broker
