#include "ctl/client/reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "ctl/client/json_cells.h"
#include "ctl/client/table.h"
#include "ctl/client/terminal_text.h"

namespace plugin::ctl {

namespace {

using http::Json;

std::string joined(const Json& list, std::string_view separator) {
  std::string out;
  for (const auto& each : list)
    out.append(out.empty() ? "" : separator).append(each.get<std::string>());
  return out.empty() ? "-" : out;
}

std::string left_out(const Json& answer, const Json& rows) {
  if (!answer.contains("truncated")) return {};
  return fmt::format("... and {} more; name a CSP to see fewer\n",
                     number(answer, "total") - rows.size());
}

// "until the last allocation has ended, then the server stops"
std::string drain_text(const Json& drain) {
  const std::string until = drain.at("until").is_null() ? "the last allocation has ended"
                                                        : text(drain, "until") + " at the latest";
  return "until " + until + ", then the server " +
         (drain.at("stay").get<bool>() ? "stays" : "stops");
}

// "name  value" lines, aligned.
class Facts {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("{:<16}{}\n", name, terminal_text(value));
  }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string percent_used(std::uint64_t used, std::uint64_t limit) {
  if (limit == 0) return "-";
  // long double holds 64-bit integers exactly; the division may still round up to the next tenth.
  const auto tenths = static_cast<std::uint64_t>(static_cast<long double>(used) * 1000 /
                                                 static_cast<long double>(limit));
  const std::uint64_t shown = used < limit ? std::min<std::uint64_t>(tenths, 999) : tenths;
  return fmt::format("{}.{}%", shown / 10, shown % 10);
}

std::string usage_report(const Json& answer) {
  const Json& accounts = answer.at("accounts");
  if (accounts.empty()) return "no accounts\n";
  const bool clients =
      std::ranges::any_of(accounts, [](const Json& a) { return a.contains("client"); });
  std::vector<Table::Column> columns{{"CSP"}, {"MEDIA"}, {"PERIOD"}};
  if (clients) columns.push_back({"CLIENT"});
  for (const char* title : {"USED", "LIMIT", "USED%", "TO PEER", "TO CLIENT", "ALLOCATIONS"})
    columns.push_back({title, Align::right});
  columns.push_back({""});
  Table table(std::move(columns));
  for (const Json& account : accounts) {
    std::vector<std::string> cells{text(account, "csp"), text(account, "media"),
                                   text(account, "period")};
    if (clients) cells.push_back(account.contains("client") ? text(account, "client") : "*");
    cells.push_back(volume(account, "used_octets"));
    cells.push_back(volume(account, "limit_octets"));
    cells.push_back(percent_used(number(account, "used_octets"), number(account, "limit_octets")));
    cells.push_back(volume(account, "client_to_peer_octets"));
    cells.push_back(volume(account, "peer_to_client_octets"));
    cells.push_back(std::to_string(number(account, "allocations")));
    cells.push_back(account.at("exhausted").get<bool>() ? "EXHAUSTED" : "");
    table.add(cells);
  }
  return table.text() + left_out(answer, accounts);
}

std::string allocations_report(const Json& answer) {
  const Json& allocations = answer.at("allocations");
  if (allocations.empty()) return "no allocations\n";
  Table table({{"ID"},
               {"CSP"},
               {"MEDIA"},
               {"CLIENT"},
               {"TRANSPORT"},
               {"CLIENT ADDRESS"},
               {"RELAYED ADDRESS"},
               {"START"},
               {"EXPIRY"},
               {"TO PEER", Align::right},
               {"TO CLIENT", Align::right}});
  for (const Json& each : allocations)
    table.add({text(each, "id"), text(each, "csp"), text(each, "media"), text(each, "client"),
               text(each, "transport"), text(each, "client_address"),
               joined(each.at("relayed_addresses"), ","), text(each, "start"), text(each, "expiry"),
               volume(each, "client_to_peer_octets"), volume(each, "peer_to_client_octets")});
  return table.text() + left_out(answer, allocations);
}

std::string cut_report(const Json& answer) {
  return counted(number(answer, "cut"), "allocation") + " cut\n";
}

std::string credentials_report(const Json& answer) {
  Facts facts;
  facts.add("username", text(answer, "username"));
  facts.add("password", text(answer, "password"));
  facts.add("ttl", fmt::format("{} s", answer.at("ttl").get<std::int64_t>()));
  for (const Json& uri : answer.at("uris")) facts.add("uri", uri.get<std::string>());
  facts.add("client id", text(answer, "client_id"));
  return facts.text();
}

std::string revoke_report(const Json& answer) {
  return fmt::format("{} revoked, {} cut\n", terminal_text(text(answer, "revoked")),
                     counted(number(answer, "cut"), "allocation"));
}

std::string reload_report(const Json& answer) {
  const Json& restart = answer.at("restart_needed");
  if (restart.empty()) return "reloaded\n";
  return fmt::format("reloaded; a restart is needed for: {}\n",
                     terminal_text(joined(restart, ", ")));
}

std::string drain_report(const Json& answer) {
  if (!answer.at("draining").get<bool>()) return "clients are taken again\n";
  return fmt::format("draining, {} left: {}\n",
                     counted(number(answer, "allocations"), "allocation"), drain_text(answer));
}

std::string status_report(const Json& answer) {
  Facts facts;
  facts.add("version", text(answer, "version"));
  facts.add("relay", text(answer, "relay"));
  facts.add("incarnation", text(answer, "incarnation"));
  facts.add("started", text(answer, "started"));
  facts.add("config file", text(answer, "config_file"));
  facts.add("config loaded", text(answer, "config_loaded"));
  if (!answer.at("config_error").is_null()) facts.add("config error", text(answer, "config_error"));
  if (!answer.at("restart_needed").empty())
    facts.add("restart for", joined(answer.at("restart_needed"), ", "));
  facts.add("allocations", fmt::format("{} of {}", number(answer, "allocations"),
                                       number(answer, "allocations_max")));
  facts.add("accounts", std::to_string(number(answer, "accounts")));
  facts.add("records written", std::to_string(number(answer, "records_written")));
  facts.add("store", text(answer, "store"));
  if (!answer.at("drain").is_null()) facts.add("draining", drain_text(answer.at("drain")));
  return facts.text();
}

}  // namespace plugin::ctl
