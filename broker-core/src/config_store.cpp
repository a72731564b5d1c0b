#include "config_store.h"

#include <utility>

#include "config_redis.h"
#include "printable.h"

namespace broker {

namespace {

enum class Kind : std::uint8_t { sqlite, redis };

constexpr std::string_view kind_allowed = "\"sqlite\" or \"redis\"";

Result<Kind> parse_kind(std::string_view text) {
  if (text == "sqlite") return Kind::sqlite;
  if (text == "redis") return Kind::redis;
  return Error{quoted(text) + "; allowed: " + std::string(kind_allowed)};
}

/// A key that has no meaning would make an operator believe in a store that is not there.
void refuse_foreign_keys(const ConfigTable& table, Kind kind) {
  for (const TomlEntry& entry : table.entries()) {
    if (entry.key == "kind") continue;
    const bool of_sqlite = entry.key == "path";
    if (of_sqlite && kind == Kind::redis)
      table.report(entry.key, "given with kind = \"redis\"; allowed: with kind = \"sqlite\"");
    if (!of_sqlite && kind == Kind::sqlite)
      table.report(entry.key, "given without kind = \"redis\"; allowed: with it");
  }
}

}  // namespace

StoreConfig read_store(const ConfigTable& broker_table) {
  StoreConfig store;
  const auto table = broker_table.table("store", {"kind",
                                                  "path",
                                                  "url",
                                                  "urls",
                                                  "mode",
                                                  "sentinel_master",
                                                  "username",
                                                  "password",
                                                  "password_file",
                                                  "sentinel_username",
                                                  "sentinel_password",
                                                  "sentinel_password_file",
                                                  "tls_ca",
                                                  "tls_certificate",
                                                  "tls_private_key",
                                                  "tls_server_name",
                                                  "timeout",
                                                  "connect_timeout",
                                                  "validity_time",
                                                  "lost_grant",
                                                  "on_store_loss",
                                                  "replicas",
                                                  "report_interval",
                                                  "records_max"});
  if (!table) return store;
  Kind kind = Kind::sqlite;
  table->parsed("kind", kind_allowed, parse_kind, kind);
  refuse_foreign_keys(*table, kind);
  if (auto path = table->text("path", path_allowed, path_octets_max)) store.path = std::move(*path);
  if (kind == Kind::redis) store.redis = read_redis(*table);
  return store;
}

}  // namespace broker
