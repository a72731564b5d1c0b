#include "config_http.h"

#include <algorithm>
#include <utility>

#include "broker/base64.h"
#include "broker/mac.h"
#include "config_files_text.h"
#include "config_secrets.h"
#include "net_names.h"

namespace broker {

namespace {

constexpr std::size_t name_octets_max = 300;
constexpr std::uint32_t connections_bound = 65'536;
constexpr std::uint32_t watchers_bound = 65'536;
constexpr std::uint32_t requests_bound = 1'000'000;

/// Texts that `check` turns into a Result<std::string>, whose error says "found; allowed: ...".
template <typename Check>
std::vector<std::string> checked(const ConfigTable& table,
                                 const std::vector<ConfigTable::Item>& items, const Check& check) {
  std::vector<std::string> texts;
  for (const auto& item : items) {
    Result<std::string> text = check(item.text);
    if (!text)
      table.load().report(item.place, text.error().message);
    else
      texts.push_back(std::move(text).value());
  }
  return texts;
}

std::vector<std::string> read_listen(const ConfigTable& table, std::string_view key) {
  const TomlEntry* entry = table.find(key);
  if (entry == nullptr) return {};
  const std::string allowed = std::string(listen_address_allowed) + ", or an array of at most " +
                              std::to_string(listen_addresses_max) + " of them";
  std::vector<ConfigTable::Item> items;
  if (entry->value.kind == TomlNode::Kind::array)
    items = table.texts(key, allowed, name_octets_max, listen_addresses_max);
  else if (auto address = table.text(key, allowed, name_octets_max))
    items.push_back({table.place(key), std::move(*address)});
  return checked(table, items, check_listen_address);
}

/// The path of a PEM file. Its content is not kept, only joined to what `http.tls_digest` tells apart.
/// One that cannot be read is no problem of the whole configuration: `http.tls_problem` says so.
std::string read_pem_path(const ConfigTable& table, std::string_view key, HttpConfig& http) {
  constexpr std::string_view allowed = "a readable PEM file";
  ConfigLoad& load = table.load();
  const auto path = table.text(key, allowed, path_octets_max);
  if (!path || load.problem) return {};
  std::string full_path = beside(table.file(), *path);
  const auto content = read_config_text(load, full_path, table.place(key), allowed);
  if (!content) {
    if (http.tls_problem.empty() && load.problem) http.tls_problem = load.problem->message;
    load.problem.reset();
    return full_path;
  }
  // A MAC with a fixed key is a digest; nobody but the process itself sees it.
  if (const auto mac = hmac_sha256("tls file", content->reveal()))
    http.tls_digest += base64_encode({mac->data(), mac->size()});
  return full_path;
}

}  // namespace

HttpConfig read_http(const ConfigTable& broker_table) {
  HttpConfig http;
  const auto table = broker_table.table("http", {"listen",
                                                 "listen_tls",
                                                 "certificate",
                                                 "private_key",
                                                 "admin_token",
                                                 "admin_tokens",
                                                 "admin_token_file",
                                                 "admin_tokens_files",
                                                 "metrics_token",
                                                 "metrics_tokens",
                                                 "metrics_token_file",
                                                 "metrics_tokens_files",
                                                 "trusted_proxies",
                                                 "connections_max",
                                                 "connections_per_address",
                                                 "requests_per_address",
                                                 "requests_per_csp",
                                                 "watchers_max",
                                                 "watchers_per_address",
                                                 "example"});
  if (!table) return http;
  http.listen = read_listen(*table, "listen");
  http.listen_tls = read_listen(*table, "listen_tls");
  http.certificate = read_pem_path(*table, "certificate", http);
  http.private_key = read_pem_path(*table, "private_key", http);
  if (!http.private_key.empty()) table->load().note_secret_in(http.private_key);
  for (const std::string_view key : {"certificate", "private_key"})
    if (!http.listen_tls.empty() && table->find(key) == nullptr)
      table->report_missing(key, "a readable PEM file, since listen_tls is given");
  http.admin_tokens = read_secrets(*table, "admin_token");
  http.metrics_tokens = read_secrets(*table, "metrics_token");
  for (const Secret& token : http.metrics_tokens)
    if (std::find(http.admin_tokens.begin(), http.admin_tokens.end(), token) !=
        http.admin_tokens.end())
      table->report("metrics_token", "an admin token, too; allowed: tokens of its own");
  http.trusted_proxies = checked(
      *table,
      table->texts("trusted_proxies",
                   "an array of at most " + std::to_string(trusted_proxies_max) + " addresses",
                   name_octets_max, trusted_proxies_max),
      check_address);
  table->integer("connections_max", http.connections_max, 1, connections_bound);
  table->integer("connections_per_address", http.connections_per_address, 1, connections_bound);
  table->integer("requests_per_address", http.requests_per_address, 1, requests_bound);
  table->integer("requests_per_csp", http.requests_per_csp, 1, requests_bound);
  table->integer("watchers_max", http.watchers_max, 1, watchers_bound);
  table->integer("watchers_per_address", http.watchers_per_address, 1, watchers_bound);
  table->boolean("example", http.example);
  return http;
}

std::vector<std::string> read_origins(const ConfigTable& csp_table) {
  return checked(csp_table,
                 csp_table.texts("allowed_origins",
                                 "an array of at most " + std::to_string(origins_max) +
                                     " origins, such as \"https://app.example\"",
                                 name_octets_max, origins_max),
                 check_origin);
}

std::optional<WebhookConfig> read_webhook(const ConfigTable& csp_table) {
  constexpr std::string_view url_allowed = "a URL such as \"https://app.example/hook\"";
  constexpr std::size_t url_octets_max = 2'048;
  const auto table =
      csp_table.table("webhook", {"url", "secret", "secrets", "secret_file", "secrets_files"});
  if (!table) return std::nullopt;
  WebhookConfig webhook;
  if (auto url = table->text("url", url_allowed, url_octets_max)) {
    if (auto checked_url = check_http_url(*url); !checked_url)
      table->report("url", checked_url.error().message);
    webhook.url = std::move(*url);
  } else if (table->find("url") == nullptr) {
    table->report_missing("url", url_allowed);
  }
  webhook.secrets = read_secrets(*table);
  if (webhook.secrets.empty())
    table->report_missing("secret", "a secret of 16 to 1024 octets to sign with");
  return webhook;
}

}  // namespace broker
