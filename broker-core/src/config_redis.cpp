#include "config_redis.h"

#include <string>
#include <utility>

#include "broker/quota_period.h"
#include "config_files_text.h"
#include "config_secrets.h"
#include "net_names.h"
#include "printable.h"
#include "redis_url.h"

namespace broker {

namespace {

constexpr std::size_t url_octets_max = 400;
constexpr std::size_t name_octets_max = 253;
constexpr std::uint32_t replicas_max = 16;
constexpr std::uint32_t records_bound = 100'000'000;

Result<RedisMode> parse_mode(std::string_view text) {
  if (text == "single") return RedisMode::single;
  if (text == "sentinel") return RedisMode::sentinel;
  if (text == "cluster") return RedisMode::cluster;
  return Error{quoted(text) + "; allowed: \"single\", \"sentinel\" or \"cluster\""};
}

Result<LostGrant> parse_lost_grant(std::string_view text) {
  if (text == "charge") return LostGrant::charge;
  if (text == "refund") return LostGrant::refund;
  return Error{quoted(text) + "; allowed: \"charge\" or \"refund\""};
}

constexpr std::string_view store_loss_allowed =
    "\"terminate\", or \"continue:\" and a volume such as \"continue:10 MB\"";

Result<std::optional<Octets>> parse_store_loss(std::string_view text) {
  constexpr std::string_view go_on = "continue:";
  if (text == "terminate") return std::optional<Octets>();
  if (!text.starts_with(go_on))
    return Error{quoted(text) + "; allowed: " + std::string(store_loss_allowed)};
  const auto volume = parse_octets(text.substr(go_on.size()));
  if (!volume) return with_allowed(volume.error(), store_loss_allowed);
  return std::optional(volume.value());
}

/// A duration from `min` to `max`, both as parse_duration_ms reads them.
void read_duration(const ConfigTable& table, std::string_view key, const std::string& min,
                   const std::string& max, std::int64_t& out_ms) {
  const std::string allowed = "a duration from \"" + min + "\" to \"" + max + '"';
  const auto parse = [&](std::string_view text) -> Result<std::int64_t> {
    auto ms = parse_duration_ms(text);
    if (!ms) return with_allowed(ms.error(), allowed);
    if (ms.value() >= parse_duration_ms(min).value() &&
        ms.value() <= parse_duration_ms(max).value())
      return ms;
    return with_allowed(Error{quoted(text) + " is out of range"}, allowed);
  };
  table.parsed(key, allowed, parse, out_ms);
}

void read_text(const ConfigTable& table, std::string_view key, std::size_t length_max,
               std::string& out) {
  const std::string allowed = "a string of 1 to " + std::to_string(length_max) + " octets";
  if (auto text = table.text(key, allowed, length_max)) out = std::move(*text);
}

void read_file_path(const ConfigTable& table, std::string_view key, std::string& out) {
  if (const auto path = table.text(key, path_allowed, path_octets_max))
    out = beside(table.file(), *path);
}

std::vector<ConfigTable::Item> url_items(const ConfigTable& table) {
  const std::string allowed(redis_url_allowed);
  const TomlEntry* one = table.find("url");
  const TomlEntry* several = table.find("urls");
  if (one != nullptr && several != nullptr)
    table.report("urls", "given beside url; allowed: one of the two");
  std::vector<ConfigTable::Item> items;
  const std::string several_allowed =
      "an array of at most " + std::to_string(redis_urls_max) + " URLs";
  // What stands there is not shown: it may have a password in it.
  if (several != nullptr && several->value.kind != TomlNode::Kind::array)
    table.report("urls", describe(several->value, false) + "; allowed: " + several_allowed);
  else if (several != nullptr)
    items = table.texts("urls", several_allowed, url_octets_max, redis_urls_max);
  else if (auto url = table.text("url", allowed, url_octets_max))
    items.push_back({table.place("url"), std::move(*url)});
  if (items.empty()) table.report_missing("url", allowed);
  return items;
}

void read_urls(const ConfigTable& table, RedisConfig& redis) {
  std::optional<RedisUrl> first;
  for (const auto& item : url_items(table)) {
    const auto refuse = [&](const std::string& what) { table.load().report(item.place, what); };
    auto url = parse_redis_url(item.text);
    if (!url) return refuse(url.error().message);
    if (!first) first = url.value();
    if (url.value().tls != first->tls)
      return refuse("a URL with and one without TLS; allowed: all alike");
    if (url.value().database.value_or(0) != first->database.value_or(0))
      return refuse("another database than in the first URL; allowed: the same in all");
    if (redis.mode != RedisMode::single && !url.value().address.path.empty())
      return refuse("a Unix socket; allowed: with mode = \"single\"");
    if (redis.mode == RedisMode::cluster && url.value().database.value_or(0) != 0)
      return refuse("a database other than 0; allowed: only 0 in a cluster");
    redis.addresses.push_back(std::move(url).value().address);
  }
  if (!first) return;
  redis.tls = first->tls;
  redis.database = first->database.value_or(0);
  if (redis.mode == RedisMode::single && redis.addresses.size() > 1)
    table.report("urls", std::to_string(redis.addresses.size()) +
                             " URLs; allowed: one with mode = \"single\", several with "
                             "\"sentinel\" or \"cluster\"");
}

/// What needs other keys makes no sense without them.
void check_together(const ConfigTable& table, const RedisConfig& redis) {
  const bool sentinel = redis.mode == RedisMode::sentinel;
  if (sentinel && redis.sentinel_master.empty())
    table.report_missing("sentinel_master", "the name of the master that the sentinels watch");
  for (const std::string_view key :
       {"sentinel_master", "sentinel_username", "sentinel_password", "sentinel_password_file"})
    if (!sentinel && table.find(key) != nullptr)
      table.report(key, "given without sentinels; allowed: with mode = \"sentinel\"");
  for (const std::string_view key :
       {"tls_ca", "tls_certificate", "tls_private_key", "tls_server_name"})
    if (!redis.tls && table.find(key) != nullptr)
      table.report(key, "given without TLS; allowed: with a rediss:// URL");
  if (redis.tls_certificate.empty() != redis.tls_private_key.empty())
    table.report_missing(redis.tls_certificate.empty() ? "tls_certificate" : "tls_private_key",
                         "a PEM file, as certificate and private key belong together");
  if (!redis.username.empty() && redis.password.empty())
    table.report_missing("password", "the password of username");
  if (!redis.sentinel_username.empty() && redis.sentinel_password.empty())
    table.report_missing("sentinel_password", "the password of sentinel_username");
}

Result<std::string> check_server_name(std::string_view text) {
  if (is_host(text) || is_ipv6_address(text)) return std::string(text);
  return Error{quoted(text) + "; allowed: a host name or an address"};
}

}  // namespace

RedisConfig read_redis(const ConfigTable& table) {
  RedisConfig redis;
  table.parsed("mode", "\"single\", \"sentinel\" or \"cluster\"", parse_mode, redis.mode);
  read_urls(table, redis);
  read_text(table, "sentinel_master", name_octets_max, redis.sentinel_master);
  read_text(table, "username", name_octets_max, redis.username);
  redis.password = read_password(table, "password");
  read_text(table, "sentinel_username", name_octets_max, redis.sentinel_username);
  redis.sentinel_password = read_password(table, "sentinel_password");
  read_file_path(table, "tls_ca", redis.tls_ca);
  read_file_path(table, "tls_certificate", redis.tls_certificate);
  read_file_path(table, "tls_private_key", redis.tls_private_key);
  if (!redis.tls_private_key.empty()) table.load().note_secret_in(redis.tls_private_key);
  table.parsed("tls_server_name", "a host name or an address", check_server_name,
               redis.tls_server_name);
  read_duration(table, "timeout", "100ms", "60s", redis.timeout_ms);
  read_duration(table, "connect_timeout", "100ms", "60s", redis.connect_timeout_ms);
  read_duration(table, "validity_time", "1s", "10m", redis.validity_time_ms);
  table.parsed("lost_grant", "\"charge\" or \"refund\"", parse_lost_grant, redis.lost_grant);
  table.parsed("on_store_loss", store_loss_allowed, parse_store_loss, redis.on_store_loss);
  table.integer("replicas", redis.replicas, 0, replicas_max);
  read_duration(table, "report_interval", "1s", "1h", redis.report_interval_ms);
  table.integer("records_max", redis.records_max, 0, records_bound);
  check_together(table, redis);
  return redis;
}

}  // namespace broker
