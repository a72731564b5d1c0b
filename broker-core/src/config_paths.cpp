#include "config_paths.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t socket_path_octets_max = 107;  // sockaddr_un's sun_path without its NUL
constexpr std::size_t path_shown_octets_max = 256;

/// Those in state_dir that no key names.
constexpr std::string_view own_files =
    "\"lock\", \"meters\", \"webhooks.sqlite3\", \"ended_lives.json\"";

/// A file, and those that are kept beside it under its name and one of these endings.
struct Kept {
  std::string key;  ///< such as "store.path"; empty: no key names it
  ConfigPlace place;
  std::string path;
  std::vector<std::string_view> endings{};
  bool numbered = false;    ///< PATH.1 and on
  bool all_ending = false;  ///< whatever begins with its name
};

/// "/a/./b//../c" as "/a/c": what two paths have to be compared by.
std::string normal(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, end - from);
    from = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..")
      parts.pop_back();
    else
      parts.push_back(part);
  }
  std::string result = path.starts_with('/') ? "/" : "";
  for (const std::string_view part : parts) result.append(part).append("/");
  if (!parts.empty()) result.pop_back();
  return result;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether `path` is the file or one beside it.
bool has(const Kept& kept, std::string_view path) {
  if (!path.starts_with(kept.path)) return false;
  const std::string_view rest = path.substr(kept.path.size());
  return rest.empty() || kept.all_ending ||
         std::ranges::find(kept.endings, rest) != kept.endings.end() ||
         (kept.numbered && rest.front() == '.' && is_number(rest.substr(1)));
}

/// A file that both would write to.
std::optional<std::string> common(const Kept& a, const Kept& b) {
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    if (has(*one, other->path)) return other->path;
    for (const std::string_view ending : other->endings)
      if (const std::string beside = other->path + std::string(ending); has(*one, beside))
        return beside;
  }
  return std::nullopt;
}

const std::vector<std::string_view> of_sqlite{"-wal", "-shm", "-journal"};

std::vector<Kept> named_files(const ConfigTable& table, const Config& config) {
  const auto place = [&](std::string_view in, std::string_view key) {
    const auto inner = table.table(in, {});
    return inner ? inner->place(key) : table.place();
  };
  const auto path = [&](std::string_view name) { return normal(state_path(config, name)); };
  std::vector<Kept> kept;
  kept.push_back({"control_socket", table.place("control_socket"), path(config.control_socket)});
  if (!config.store.redis)
    kept.push_back({"store.path", place("store", "path"), path(config.store.path), of_sqlite});
  kept.push_back({.key = "records.path",
                  .place = place("records", "path"),
                  .path = path(config.records.path),
                  .endings = {".cursor", ".cursor.new"},
                  .numbered = true});
  return kept;
}

std::vector<Kept> unnamed_files(const Config& config) {
  const auto own = [&](std::string_view name, std::vector<std::string_view> endings,
                       bool all = false) {
    return Kept{.key = {},
                .place = {},
                .path = normal(state_path(config, name)),
                .endings = std::move(endings),
                .all_ending = all};
  };
  return {own("lock", {}), own("meters", {}), own("meters.unreadable-", {}, true),
          own("webhooks.sqlite3", of_sqlite), own("ended_lives.json", {".new"})};
}

void check_socket(const ConfigTable& table, const Config& config) {
  const std::string socket = state_path(config, config.control_socket);
  if (socket.size() > socket_path_octets_max)
    table.report("control_socket",
                 quoted(socket, path_shown_octets_max) + " has " + std::to_string(socket.size()) +
                     " octets; allowed: at most " + std::to_string(socket_path_octets_max) +
                     " together with state_dir");
}

}  // namespace

void check_paths(const ConfigTable& broker_table, const Config& config) {
  check_socket(broker_table, config);
  ConfigLoad& load = broker_table.load();
  const auto named = named_files(broker_table, config);
  for (std::size_t i = 0; i < named.size(); ++i)
    for (std::size_t j = i + 1; j < named.size(); ++j)
      if (const auto path = common(named.at(i), named.at(j)))
        load.report(broker_table.place(), named.at(i).key + " and " + named.at(j).key +
                                              " both need " + quoted(*path, path_shown_octets_max) +
                                              "; allowed: different files");
  for (const Kept& own : unnamed_files(config))
    for (const Kept& kept : named)
      if (const auto path = common(own, kept))
        load.report(kept.place, quoted(*path, path_shown_octets_max) +
                                    " is a file of the broker's own; allowed: another than " +
                                    std::string(own_files) + " and what is kept beside them");
}

}  // namespace broker
