#include "config_broker.h"

#include <utility>
#include <vector>

#include "config_files_text.h"
#include "config_http.h"
#include "config_paths.h"
#include "config_sandbox.h"
#include "config_secrets.h"
#include "config_store.h"
#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t realm_octets_max = 127;  // coturn's STUN_MAX_REALM_SIZE
constexpr std::int64_t credential_ttl_s_min = 60;
constexpr std::int64_t credential_ttl_s_max = 31'536'000;
constexpr std::uint64_t rotate_size_min = 4'000;
constexpr std::uint64_t rotate_size_max = 1'000'000'000'000;
constexpr std::uint32_t table_size_min = 16;
constexpr std::uint32_t table_size_max = 1'048'576;

void read_path(const ConfigTable& table, std::string_view key, std::string& out) {
  if (auto path = table.text(key, path_allowed, path_octets_max)) out = std::move(*path);
}

Result<std::int64_t> parse_ttl(std::string_view text) {
  constexpr std::string_view allowed = "a duration such as \"1h\", from 60s to 365d";
  auto ttl_s = parse_duration_s(text);
  if (!ttl_s) return with_allowed(ttl_s.error(), allowed);
  if (ttl_s.value() >= credential_ttl_s_min && ttl_s.value() <= credential_ttl_s_max) return ttl_s;
  return with_allowed(Error{quoted(text) + " is out of range"}, allowed);
}

constexpr std::string_view drain_time_allowed = "a duration such as \"10m\", from 0s to 24h";

Result<std::int64_t> parse_drain_time(std::string_view text) {
  if (text == "0s" || text == "0") return std::int64_t{0};
  auto time_s = parse_duration_s(text);
  if (!time_s) return with_allowed(time_s.error(), drain_time_allowed);
  if (time_s.value() <= drain_time_s_max) return time_s;
  return with_allowed(Error{quoted(text) + " is out of range"}, drain_time_allowed);
}

Result<Octets> parse_rotate_size(std::string_view text) {
  constexpr std::string_view allowed = "a size such as \"64 MB\", from 4 kB to 1 TB";
  auto size = parse_octets(text);
  if (!size) return with_allowed(size.error(), allowed);
  if (size.value().count >= rotate_size_min && size.value().count <= rotate_size_max) return size;
  return with_allowed(Error{quoted(text) + " is out of range"}, allowed);
}

Result<std::string> check_realm(std::string_view realm) {
  // It stands between quotes in STUN's REALM (RFC 8489, section 14.9).
  if (realm.size() <= realm_octets_max && realm.find_first_of("\"\\") == std::string_view::npos)
    return std::string(realm);
  return Error{quoted(realm) + "; allowed: 1 to 127 octets without quotes and backslashes"};
}

std::optional<ConfigTable> broker_table(const ConfigTable& root) {
  return root.table("broker", {"realm", "default_csp", "secret", "secrets", "secret_file",
                               "secrets_files", "strict_expiry", "credential_ttl", "drain_time",
                               "state_dir", "control_socket", "include", "store", "records",
                               "limits", "http", "thresholds", "geoip_database", "sandbox"});
}

}  // namespace

void read_broker(const ConfigTable& root, Config& config) {
  config.state_dir = beside(root.file(), config.state_dir);
  const auto table = broker_table(root);
  if (!table) return;
  table->parsed("realm", "1 to 127 octets without quotes and backslashes", check_realm,
                config.realm);
  if (auto csp = table->text("default_csp", "the id of a CSP with a quota for data", 63))
    config.default_csp = std::move(*csp);
  config.secrets = read_secrets(*table);
  table->boolean("strict_expiry", config.strict_expiry);
  table->parsed("credential_ttl", "a duration such as \"1h\", from 60s to 365d", parse_ttl,
                config.credential_ttl_s);
  table->parsed("drain_time", drain_time_allowed, parse_drain_time, config.drain_time_s);
  if (const auto path = table->text("state_dir", path_allowed, path_octets_max))
    config.state_dir = beside(root.file(), *path);
  read_path(*table, "control_socket", config.control_socket);
  if (const auto path = table->text("geoip_database", path_allowed, path_octets_max)) {
    config.geoip_database = beside(root.file(), *path);
    config.geoip_origin.text = table->place("geoip_database").text();
  }
  config.store = read_store(*table);
  if (const auto records = table->table("records", {"path", "rotate_size", "keep"})) {
    read_path(*records, "path", config.records.path);
    records->parsed("rotate_size", "a size such as \"64 MB\", from 4 kB to 1 TB", parse_rotate_size,
                    config.records.rotate_size);
    records->integer("keep", config.records.keep, 1, 1000);
  }
  if (const auto limits = table->table("limits", {"allocations_max", "accounts_max"})) {
    limits->integer("allocations_max", config.limits.allocations_max, table_size_min,
                    table_size_max);
    limits->integer("accounts_max", config.limits.accounts_max, table_size_min, table_size_max);
  }
  config.http = read_http(*table);
  config.sandbox = read_sandbox(*table);
  table->ascending("thresholds", config.thresholds, 1, 99, thresholds_max);
  check_paths(*table, config);
}

std::vector<ConfigTable::Item> read_include_patterns(const ConfigTable& root) {
  const auto table = broker_table(root);
  const TomlEntry* entry = table ? table->find("include") : nullptr;
  if (entry == nullptr) return {};
  const std::string allowed = "a pattern such as \"csp.d/*.toml\", or an array of at most " +
                              std::to_string(include_patterns_max) + " of them";
  std::vector<ConfigTable::Item> items;
  if (entry->value.kind == TomlNode::Kind::array)
    items = table->texts("include", allowed, path_octets_max, include_patterns_max);
  else if (auto pattern = table->text("include", allowed, path_octets_max))
    items.push_back({table->place("include"), std::move(*pattern)});
  for (auto& item : items) item.text = pattern_beside(root.file(), item.text);
  return items;
}

}  // namespace broker
