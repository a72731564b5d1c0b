#include "ctl/client/fleet_reports.h"

#include <fmt/format.h>

#include <algorithm>

#include "ctl/client/json_cells.h"
#include "ctl/client/reports.h"
#include "ctl/client/table.h"
#include "ctl/client/terminal_text.h"

namespace plugin::ctl {

namespace {

using http::Json;

/// "healthy", "draining", "silent", or why it takes no calls.
std::string state_of(const Json& relay) {
  if (!relay.at("up").get<bool>()) return "silent";
  if (!relay.at("healthy").get<bool>()) return "unhealthy: " + text(relay, "reason");
  return relay.at("draining").get<bool>() ? "draining" : "healthy";
}

std::string of_most(const Json& row, const char* name, const char* most) {
  const std::string now = std::to_string(number(row, name));
  return row.at(most).is_null() ? now : now + " of " + std::to_string(number(row, most));
}

std::string capacity(const Json& row) {
  const Json& value = row.at("capacity_bits_per_s");
  return value.is_null() ? "-" : bits_text(value.get<double>());
}

std::string left_out(const Json& answer, const Json& rows) {
  std::string out;
  if (answer.contains("truncated"))
    out += fmt::format("... and {} more; name a CSP to see fewer\n",
                       number(answer, "total") - rows.size());
  if (!answer.at("complete").get<bool>())
    out += "... the ledger is too large to be looked at whole in one answer; name a CSP\n";
  return out;
}

/// Used octets of a limit that may not be known.
std::string percent(const Json& account) {
  if (account.at("limit_octets").is_null()) return "-";
  return percent_used(number(account, "used_octets"), number(account, "limit_octets"));
}

std::string unspent(const Json& row) {
  const std::uint64_t used = number(row, "used_octets");
  const std::uint64_t granted = number(row, "granted_octets");
  return volume({{"octets", granted > used ? granted - used : 0}}, "octets");
}

std::string relay_of(const Json& share) {
  if (share.at("relay").is_null() && share.at("incarnation").is_null()) return "(ended)";
  const std::string name = text(share, "relay") + ":" + text(share, "incarnation");
  const std::string state = text(share, "state");
  return state == "open" ? name : name + " (" + state + ")";
}

}  // namespace

std::string relays_report(const Json& answer) {
  Table table({{"RELAY"},
               {"DOMAIN"},
               {"REGION"},
               {"STATE"},
               {"ALLOCATIONS", Align::right},
               {"CAPACITY", Align::right},
               {"TO PEER", Align::right},
               {"TO CLIENT", Align::right},
               {"CPU", Align::right},
               {"DROPS/S", Align::right},
               {"HEARD", Align::right},
               {"VERSION"}});
  for (const Json& relay : answer.at("relays"))
    table.add({text(relay, "relay") + (relay.at("self").get<bool>() ? " *" : ""),
               text(relay, "domain"), text(relay, "region"), state_of(relay),
               of_most(relay, "allocations", "allocations_max"), capacity(relay),
               rate(relay, "client_to_peer_octets_per_s"),
               rate(relay, "peer_to_client_octets_per_s"),
               fmt::format("{:.0f}%", relay.at("cpu").get<double>() * 100),
               std::to_string(number(relay, "dropped_packets_per_s")),
               fmt::format("{:.1f} s ago", relay.at("heartbeat_age_s").get<double>()),
               text(relay, "version")});
  return table.text();
}

std::string domains_report(const Json& answer) {
  Table table({{"DOMAIN"},
               {"RELAYS", Align::right},
               {"UP", Align::right},
               {"HEALTHY", Align::right},
               {"DRAINING", Align::right},
               {"ALLOCATIONS", Align::right},
               {"CAPACITY", Align::right},
               {"TO PEER", Align::right},
               {"TO CLIENT", Align::right}});
  for (const Json& domain : answer.at("domains"))
    table.add({text(domain, "domain"), std::to_string(number(domain, "relays")),
               std::to_string(number(domain, "up")), std::to_string(number(domain, "healthy")),
               std::to_string(number(domain, "draining")),
               of_most(domain, "allocations", "allocations_max"), capacity(domain),
               rate(domain, "client_to_peer_octets_per_s"),
               rate(domain, "peer_to_client_octets_per_s")});
  return table.text();
}

std::string fleet_usage_report(const Json& answer) {
  const Json& accounts = answer.at("accounts");
  if (accounts.empty()) return "no accounts\n" + left_out(answer, accounts);
  const auto any = [&](const char* member) {
    return std::ranges::any_of(accounts, [&](const Json& a) { return a.contains(member); });
  };
  const bool clients = any("client");
  const bool relays = any("relays");
  std::vector<Table::Column> columns{{"CSP"}, {"MEDIA"}, {"PERIOD"}};
  if (clients) columns.push_back({"CLIENT"});
  if (relays) columns.push_back({"RELAY"});
  for (const char* title : {"USED", "UNSPENT", "LIMIT", "USED%", "TO PEER", "TO CLIENT"})
    columns.push_back({title, Align::right});
  columns.push_back({""});
  Table table(std::move(columns));
  for (const Json& account : accounts) {
    const auto add = [&](const std::string& relay, const Json& row, bool whole) {
      std::vector<std::string> cells{text(account, "csp"), text(account, "media"),
                                     text(account, "period")};
      if (clients) cells.push_back(account.contains("client") ? text(account, "client") : "*");
      if (relays) cells.push_back(relay);
      cells.insert(cells.end(),
                   {volume(row, "used_octets"), unspent(row),
                    whole ? volume(row, "limit_octets") : "", whole ? percent(row) : "",
                    volume(row, "client_to_peer_octets"), volume(row, "peer_to_client_octets"),
                    whole && row.contains("damaged") ? "DAMAGED" : ""});
      table.add(cells);
    };
    add("*", account, true);
    if (account.contains("relays"))
      for (const Json& share : account.at("relays")) add(relay_of(share), share, false);
  }
  return table.text() + left_out(answer, accounts);
}

std::string ledger_check_report(const Json& answer) {
  std::string out;
  for (const Json& finding : answer.at("findings")) {
    const std::string account =
        finding.at("account").is_null() ? "" : text(finding, "account") + ": ";
    out += fmt::format("{}  {}\n", finding.at("fault").get<bool>() ? "FAULT" : "note ",
                       terminal_text(account + text(finding, "text")));
  }
  if (answer.contains("truncated"))
    out += fmt::format("... and {} more\n", number(answer, "total") - answer.at("findings").size());
  const std::string counts = fmt::format(
      "{}, {}, {}", counted(number(answer, "accounts"), "account"),
      counted(number(answer, "faults"), "fault"), counted(number(answer, "notes"), "note"));
  if (number(answer, "faults") != 0) return out + "the ledger does not add up: " + counts + "\n";
  if (!answer.at("complete").get<bool>())
    return out +
           "the ledger is too large to be checked whole in one answer; name a CSP: " + counts +
           "\n";
  return out + "the ledger adds up: " + counts + "\n";
}

bool ledger_is_good(const Json& answer) { return answer.at("ok").get<bool>(); }

}  // namespace plugin::ctl
