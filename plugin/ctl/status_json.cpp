#include "ctl/status_json.h"

#include <algorithm>

namespace plugin {

namespace {

using broker::Direction;
using http::Json;

std::uint64_t of(const std::array<std::uint64_t, 2>& amounts, Direction direction) {
  return amounts[static_cast<std::size_t>(direction)];
}

Json time_or_null(broker::UnixSeconds time_s) {
  return time_s == 0 ? Json(nullptr) : Json(broker::format_utc(time_s));
}

Json row(const AccountStatus& account) {
  Json out{{"csp", account.csp},
           {"media", broker::to_string(account.media)},
           {"period", account.period}};
  if (!account.client.empty()) out["client"] = account.client;
  out["limit_octets"] = account.limit_octets;
  out["used_octets"] = account.used_octets;
  out["client_to_peer_octets"] = of(account.used.octets, Direction::client_to_peer);
  out["peer_to_client_octets"] = of(account.used.octets, Direction::peer_to_client);
  out["allocations"] = account.allocations;
  out["exhausted"] = account.exhausted;
  return out;
}

Json row(const AllocationStatus& allocation) {
  return {{"id", allocation.id},
          {"csp", allocation.csp},
          {"media", broker::to_string(allocation.media)},
          {"client", allocation.client},
          {"client_address", allocation.client_address},
          {"relayed_addresses", allocation.relayed_addresses},
          {"transport", allocation.transport},
          {"start", broker::format_utc(allocation.start_s)},
          {"expiry", time_or_null(allocation.expiry_s)},
          {"client_to_peer_octets", of(allocation.used.octets, Direction::client_to_peer)},
          {"peer_to_client_octets", of(allocation.used.octets, Direction::peer_to_client)},
          {"client_to_peer_packets", of(allocation.used.packets, Direction::client_to_peer)},
          {"peer_to_client_packets", of(allocation.used.packets, Direction::peer_to_client)}};
}

template <typename Rows>
Json list(const char* name, const Rows& rows) {
  Json items = Json::array();
  for (const auto& each : rows.first(std::min(rows.size(), list_rows_max)))
    items.push_back(row(each));
  Json out{{name, std::move(items)}};
  if (rows.size() > list_rows_max) {
    out["truncated"] = true;
    out["total"] = rows.size();
  }
  return out;
}

}  // namespace

Json usage_json(std::span<const AccountStatus> accounts) { return list("accounts", accounts); }

Json allocations_json(std::span<const AllocationStatus> allocations) {
  return list("allocations", allocations);
}

Json credentials_json(const broker::IssuedCredentials& credentials) {
  return {{"username", credentials.username},
          {"password", credentials.password.reveal()},
          {"ttl", credentials.ttl_s},
          {"uris", credentials.uris},
          {"client_id", credentials.client_id}};
}

Json drain_json(const DrainStatus& drain) {
  return {{"draining", drain.draining},
          {"stay", drain.stay},
          {"until", time_or_null(drain.until_s)},
          {"allocations", drain.allocations}};
}

Json status_json(const BrokerStatus& status) {
  const Json drain{{"stay", status.drain.stay}, {"until", time_or_null(status.drain.until_s)}};
  return {{"version", status.version},
          {"relay", status.relay_id},
          {"incarnation", status.incarnation},
          {"started", time_or_null(status.started_s)},
          {"config_file", status.config_file},
          {"config_loaded", time_or_null(status.config_loaded_s)},
          {"config_error", status.config_error.empty() ? Json(nullptr) : Json(status.config_error)},
          {"restart_needed", status.restart_needed},
          {"allocations", status.allocations},
          {"allocations_max", status.allocations_max},
          {"accounts", status.accounts},
          {"records_written", status.records_written},
          {"store", status.store},
          {"drain", status.drain.draining ? drain : Json(nullptr)}};
}

}  // namespace plugin
