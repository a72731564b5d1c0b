#include "config_csp.h"

#include <utility>

#include "config_http.h"
#include "config_names.h"
#include "config_secrets.h"
#include "config_selection.h"
#include "printable.h"

namespace broker {

namespace {

constexpr std::string_view volume_allowed = "a volume such as \"500 GB\" or \"2 GiB\"";

Result<Charge> parse_charge(std::string_view text) {
  if (text == "both") return Charge::both;
  if (text == "client_to_peer") return Charge::client_to_peer;
  if (text == "peer_to_client") return Charge::peer_to_client;
  return Error{quoted(text) + "; allowed: \"both\", \"client_to_peer\" or \"peer_to_client\""};
}

Quota read_quota(const ConfigTable& table) {
  constexpr std::string_view period_allowed = "\"month\", \"day\" or \"total\"";
  Quota quota;
  table.parsed("volume", volume_allowed, parse_octets, quota.volume);
  if (table.find("volume") == nullptr) table.report_missing("volume", volume_allowed);
  table.parsed("period", period_allowed, parse_period_kind, quota.period);
  if (table.find("period") == nullptr) table.report_missing("period", period_allowed);
  table.parsed("charge", "\"both\", \"client_to_peer\" or \"peer_to_client\"", parse_charge,
               quota.charge);
  table.parsed("rate", "a rate such as \"64 kbit/s\" or \"2.5 Mbit/s\"", parse_bit_rate,
               quota.rate);
  if (table.find("allocations") != nullptr) {
    std::uint32_t allocations = 0;
    table.integer("allocations", allocations, 1, quota_allocations_max);
    quota.allocations_max = allocations;
  }
  table.parsed("per_client", volume_allowed, parse_octets, quota.per_client);
  if (quota.per_client && *quota.per_client > quota.volume)
    table.report("per_client", format_octets(*quota.per_client) +
                                   "; allowed: at most the volume, " + format_octets(quota.volume));
  if (table.find("clients") != nullptr && !quota.per_client)
    table.report(
        "clients",
        "it bounds the clients that have a volume of their own; allowed: with per_client only");
  table.integer("clients", quota.clients_max, 1, quota_clients_max);
  return quota;
}

void read_quotas(const ConfigTable& csp_table, Csp& csp) {
  const auto quotas = csp_table.table("quota", {"audio", "video", "data"});
  for (MediaType media : all_media_types) {
    if (!quotas) break;
    const auto table = quotas->table(to_string(media), {"volume", "period", "rate", "allocations",
                                                        "per_client", "clients", "charge"});
    if (table) csp.quotas.emplace(media, read_quota(*table));
  }
  if (csp.quotas.empty())
    csp_table.report_missing("quota",
                             "at least one of the tables quota.audio, quota.video, quota.data");
}

Csp read_csp(const ConfigTable& table, const std::string& id) {
  Csp csp;
  csp.id = id;
  csp.name =
      table
          .text("name", "a string of 1 to " + std::to_string(csp_name_octets_max) + " octets",
                csp_name_octets_max)
          .value_or(id);
  csp.secrets = read_secrets(table);
  csp.api_keys = read_secrets(table, "api_key");
  csp.allowed_origins = read_origins(table);
  csp.webhook = read_webhook(table);
  csp.selection = read_selection(table);
  read_quotas(table, csp);
  return csp;
}

}  // namespace

void read_csps(const ConfigTable& root, std::map<std::string, Csp, std::less<>>& csps,
               CspPlaces& places) {
  const auto all = root.table("csp", {});
  if (!all) return;
  for (const TomlEntry& entry : all->entries()) {
    if (root.load().problem) return;
    const ConfigPlace place{all->file(), entry.line, "csp." + key_text(entry.key)};
    const auto refuse = [&](const std::string& what) { root.load().report(place, what); };
    if (!check_csp_id(entry.key)) {
      refuse("not a CSP's id; allowed: " + std::string(csp_id_allowed));
    } else if (const auto first = places.find(entry.key); first != places.end()) {
      refuse("defined before, at " + printable(first->second.file, path_octets_max) + ':' +
             std::to_string(first->second.line) + "; allowed: each CSP once");
    } else if (entry.value.kind != TomlNode::Kind::table) {
      refuse(describe(entry.value) + "; allowed: a table");
    } else {
      const ConfigTable table(
          root.load(), all->file(), entry.value, place.key,
          {"name", "quota", "secret", "secrets", "secret_file", "secrets_files", "api_key",
           "api_keys", "api_key_file", "api_keys_files", "allowed_origins", "webhook", "selection",
           "domains", "sticky", "fallbacks"});
      csps.emplace(entry.key, read_csp(table, entry.key));
      places.emplace(entry.key, place);
    }
  }
}

}  // namespace broker
