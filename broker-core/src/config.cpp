#include "broker/config.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "config_broker.h"
#include "config_csp.h"
#include "config_files_text.h"
#include "config_relay.h"
#include "config_table.h"
#include "printable.h"

namespace broker {

namespace {

constexpr std::string_view file_allowed = "a readable TOML file of at most 1 MiB";

/// Whether the bracket that opens the text is closed in the same part of a path. Else it means itself, as for glob(3).
bool is_bracket_closed(std::string_view text) {
  std::size_t i = text.size() > 1 && (text[1] == '!' || text[1] == '^') ? 2 : 1;
  // The first character between them may be a closing one.
  for (++i; i < text.size() && text[i] != '/'; ++i)
    if (text[i] == ']') return true;
  return false;
}

bool has_wildcard(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\')
      ++i;  // the next character means itself
    else if (c == '*' || c == '?' || (c == '[' && is_bracket_closed(pattern.substr(i))))
      return true;
  }
  return false;
}

/// One load_config call.
class Loader {
 public:
  explicit Loader(const ConfigFiles& files) : load_{files} {}

  Result<Config> load(const std::string& path) {
    read_main(path);
    if (load_.problem) return *load_.problem;
    config_.files = std::move(load_.files_read);
    config_.secret_files = std::move(load_.secret_files);
    return std::move(config_);
  }

 private:
  /// The text of the file as a tree; nullopt when a problem was reported.
  std::optional<TomlNode> parse(const std::string& path, const ConfigPlace& named_at) {
    const auto text = read_config_text(load_, path, named_at, file_allowed);
    if (!text) return std::nullopt;
    Result<TomlNode> tree = parse_toml(path, text->reveal());
    if (tree) return std::move(tree).value();
    if (!load_.problem) load_.problem = tree.error();
    return std::nullopt;
  }

  void read_main(const std::string& path) {
    const std::optional<TomlNode> tree = parse(path, {path, 0, ""});
    if (!tree) return;
    // Cut off on its way to the disk, it would take every CSP out of service.
    if (tree->entries.empty())
      return load_.report({path, 0, ""},
                          "nothing is in it; allowed: tables [broker], [relay] and [csp.ID]");
    const ConfigTable root(load_, path, *tree, "", {"broker", "relay", "csp"});
    read_broker(root, config_);
    config_.relay = read_relay(root);
    read_csps(root, config_.csps, places_);
    for (const auto& pattern : read_include_patterns(root)) include(pattern);
    if (!load_.problem) check_whole(root);
  }

  void include(const ConfigTable::Item& pattern) {
    if (load_.problem) return;
    config_.include_patterns.push_back(pattern.text);
    const auto refuse = [&](const std::string& what, std::string_view allowed) {
      load_.report(pattern.place,
                   quoted(pattern.text, 256) + ' ' + what + "; allowed: " + std::string(allowed));
    };
    const auto paths = load_.files.match(pattern.text);
    if (!paths)
      return refuse("cannot be looked for: " + printable(paths.error().message, 256),
                    "a pattern in a readable directory");
    if (!has_wildcard(pattern.text) && paths.value().empty())
      return refuse("does not exist", "an existing file, or a pattern with *, ? or [...]");
    for (const std::string& path : paths.value()) {
      if (load_.problem) return;
      if (path == load_.files_read.front()) return refuse("is this file itself", "other files");
      if (!included_.insert(path).second) continue;
      if (included_.size() > include_files_max)
        return refuse("makes more than " + std::to_string(include_files_max) + " included files",
                      "fewer");
      read_included(path, pattern.place);
    }
  }

  void read_included(const std::string& path, const ConfigPlace& named_at) {
    const std::optional<TomlNode> tree = parse(path, named_at);
    if (!tree) return;
    for (const TomlEntry& entry : tree->entries)
      if (entry.key == "broker" || entry.key == "relay")
        load_.report({path, entry.line, entry.key},
                     "in an included file; allowed: only [csp.*] tables");
    const std::size_t before = config_.csps.size();
    read_csps(ConfigTable(load_, path, *tree, "", {"csp"}), config_.csps, places_);
    // Cut off on its way to the disk, it would take its CSPs out of service.
    if (config_.csps.size() == before)
      load_.report({path, 0, "csp"}, "nothing; allowed: at least one table [csp.ID]");
  }

  /// What concerns more than one table.
  void check_whole(const ConfigTable& root) {
    const auto table_or_none = [&](const ConfigTable& parent, std::string_view key) {
      return parent.table(key, {}).value_or(
          ConfigTable(load_, root.file(), no_table_, parent.full_key(key), {}));
    };
    const ConfigTable broker = table_or_none(root, "broker");
    std::size_t quotas = 0;
    for (const auto& [id, csp] : config_.csps) {
      quotas += csp.quotas.size();
      if (csp.secrets.empty() && config_.secrets.empty() && id != config_.default_csp)
        load_.report(places_.find(id)->second,
                     "no secret here and none in [broker], so nobody could use it; allowed: a "
                     "secret in one of the two, or default_csp = " +
                         quoted(id));
    }
    check_default_csp(broker);
    check_api_keys();
    if (quotas > config_.limits.accounts_max) {
      const ConfigTable limits = table_or_none(broker, "limits");
      limits.report("accounts_max",
                    std::to_string(config_.limits.accounts_max) + ", but " +
                        std::to_string(quotas) +
                        " quotas are given; allowed: at least one account for each");
    }
  }

  /// A key names its CSP (the TURN REST API has no other name for it), and makes nobody an admin, nor does
  /// a metrics token.
  void check_api_keys() {
    std::map<std::string_view, const Csp*> owners;
    for (const Secret& token : config_.http.admin_tokens) owners.emplace(token.reveal(), nullptr);
    for (const Secret& token : config_.http.metrics_tokens) owners.emplace(token.reveal(), nullptr);
    for (const auto& [id, csp] : config_.csps)
      for (const Secret& key : csp.api_keys)
        if (const auto [owner, added] = owners.emplace(key.reveal(), &csp);
            !added && owner->second != &csp)
          load_.report(
              places_.find(id)->second,
              owner->second == nullptr
                  ? "an API key that is an admin or metrics token, too; allowed: keys of its own"
                  : "an API key that CSP " + quoted(owner->second->id) +
                        " has too; allowed: keys of its own");
  }

  void check_default_csp(const ConfigTable& broker) {
    if (config_.default_csp.empty()) return;
    const auto csp = config_.csps.find(config_.default_csp);
    if (csp == config_.csps.end())
      broker.report("default_csp", quoted(config_.default_csp) +
                                       " is not among the CSPs; allowed: the id of a CSP with a "
                                       "quota for data");
    else if (!csp->second.quotas.contains(MediaType::data))
      broker.report("default_csp", quoted(config_.default_csp) +
                                       " has no quota for data; allowed: the id of a CSP that has");
  }

  ConfigLoad load_;
  Config config_;
  CspPlaces places_;
  std::set<std::string> included_;
  TomlNode no_table_;  ///< stands in for one that is not there
};

}  // namespace

Result<Config> load_config(const std::string& path, const ConfigFiles& files) {
  return Loader(files).load(path);
}

std::string state_path(const Config& config, std::string_view path) {
  return beside(config.state_dir + '/', path);
}

std::vector<std::string> restart_needed(const Config& running, const Config& wanted) {
  std::vector<std::string> names;
  const auto compare = [&](const auto& a, const auto& b, const char* name) {
    if (a != b) names.emplace_back(name);
  };
  compare(running.realm, wanted.realm, "broker.realm");
  compare(running.state_dir, wanted.state_dir, "broker.state_dir");
  compare(running.control_socket, wanted.control_socket, "broker.control_socket");
  compare(running.store.path, wanted.store.path, "broker.store.path");
  compare(running.store.redis, wanted.store.redis, "broker.store");
  compare(running.records.path, wanted.records.path, "broker.records.path");
  compare(running.limits.allocations_max, wanted.limits.allocations_max,
          "broker.limits.allocations_max");
  compare(running.limits.accounts_max, wanted.limits.accounts_max, "broker.limits.accounts_max");
  compare(running.http.listen, wanted.http.listen, "broker.http.listen");
  compare(running.http.listen_tls, wanted.http.listen_tls, "broker.http.listen_tls");
  compare(running.sandbox, wanted.sandbox, "broker.sandbox");
  compare(running.relay.id, wanted.relay.id, "relay.id");
  return names;
}

}  // namespace broker
