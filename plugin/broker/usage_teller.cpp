#include "broker/usage_teller.h"

#include <nlohmann/json.hpp>

#include "fleet/fleet_messages.h"

namespace plugin {

namespace {

using nlohmann::json;

void add_counts(json& out, const broker::UsedTotals& used) {
  out["client_to_peer_octets"] = used.octets[0];
  out["peer_to_client_octets"] = used.octets[1];
  out["client_to_peer_packets"] = used.packets[0];
  out["peer_to_client_packets"] = used.packets[1];
}

json entry_of(const AccountStatus& account) {
  json out{{"csp", account.csp},
           {"media", broker::to_string(account.media)},
           {"period", account.period},
           {"limit_octets", account.limit_octets},
           {"used_octets", account.used_octets},
           {"exhausted", account.exhausted}};
  add_counts(out, account.used);
  return out;
}

json entry_of(const AllocationStatus& allocation) {
  json out{{"allocation", allocation.id},
           {"csp", allocation.csp},
           {"media", broker::to_string(allocation.media)},
           {"client", allocation.client}};
  add_counts(out, allocation.used);
  return out;
}

std::string name_of(const AccountStatus& account) {
  return "account " + account.csp + " " + std::string(broker::to_string(account.media)) + " " +
         account.period;
}

std::string name_of(const AllocationStatus& allocation) { return allocation.id; }

std::string text_of(const json& message) {
  return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

void UsageTeller::tell(std::int64_t at_ms, const std::vector<AccountStatus>& accounts,
                       const std::vector<AllocationStatus>& allocations) {
  std::map<std::string, std::uint64_t> now;
  std::size_t sent = 0;
  json message;
  std::size_t entries = 0;
  const auto begin = [&] {
    message = {{"v", 1},         {"relay", relay_id_},        {"incarnation", incarnation_},
               {"at_ms", at_ms}, {"accounts", json::array()}, {"allocations", json::array()}};
    entries = 0;
  };
  const std::size_t most = nobody_listens_ ? 1 : messages_max;
  const auto flush = [&] {
    if (entries == 0) return;
    publish_(channels::usage, text_of(message), [weak = std::weak_ptr(self_)](auto subscribers) {
      if (const auto teller = weak.lock()) (*teller)->nobody_listens_ = subscribers == 0;
    });
    ++sent;
    begin();
  };
  const auto add = [&](const char* list, const auto& item) {
    const std::string name = name_of(item);
    const std::uint64_t octets = item.used.octets[0] + item.used.octets[1];
    const auto before = told_.find(name);
    const bool news = before == told_.end() ? octets != 0 : before->second != octets;
    // What does not go out now is news the next time.
    if (news && sent >= most) {
      if (before != told_.end()) now.insert(*before);
      return;
    }
    now[name] = octets;
    if (!news) return;
    message[list].push_back(entry_of(item));
    if (++entries == entries_max) flush();
  };
  begin();
  for (const auto& account : accounts) add("accounts", account);
  for (const auto& allocation : allocations) add("allocations", allocation);
  flush();
  told_ = std::move(now);
}

void UsageTeller::post(const Event& event) {
  if (event.kind != EventKind::cut) return;
  const json message{{"v", 1},
                     {"relay", relay_id_},
                     {"at_ms", event.at_ms},
                     {"allocation", event.allocation},
                     {"csp", event.csp},
                     {"media", broker::to_string(event.media)},
                     {"client", event.client},
                     {"reason", event.reason}};
  publish_(channels::cuts, text_of(message), [](auto) {});
}

}  // namespace plugin
