#include "exact/observed.h"

#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/wait_until.h"

namespace turntest {

std::ostream& operator<<(std::ostream& out, const TrafficCount& count) {
  return out << count.octets << " octets in " << count.packets << " packets";
}

}  // namespace turntest

namespace exact {

using nlohmann::json;
using turntest::BrokerRelay;
using turntest::TrafficCount;

Relayed& Relayed::operator+=(const Relayed& other) {
  client_to_peer += other.client_to_peer;
  peer_to_client += other.peer_to_client;
  return *this;
}

std::ostream& operator<<(std::ostream& out, const Relayed& relayed) {
  return out << "client_to_peer " << relayed.client_to_peer << ", peer_to_client "
             << relayed.peer_to_client;
}

Relayed captured(const turntest::PacketCapture& capture, const turntest::Address& relayed,
                 const turntest::Address& peer) {
  return {capture.between(relayed, peer), capture.between(peer, relayed)};
}

Relayed relayed_of(const json& row) {
  return {{row.at("client_to_peer_octets"), row.at("client_to_peer_packets")},
          {row.at("peer_to_client_octets"), row.at("peer_to_client_packets")}};
}

json record_of(const BrokerRelay& relay, std::string_view client) {
  std::vector<json> found;
  turntest::wait_until(patience, [&] {
    found.clear();
    for (auto& record : relay.records())
      if (record.at("client") == client) found.push_back(std::move(record));
    return !found.empty();
  });
  if (found.size() != 1)
    throw std::runtime_error(std::to_string(found.size()) + " usage records of " +
                             std::string(client));
  return found.front();
}

json live_row(BrokerRelay& relay, std::string_view client) {
  const json answer = relay.ctl({"allocations"});
  for (const auto& row : answer.at("allocations"))
    if (row.at("client") == client) return row;
  throw std::runtime_error(std::string(client) + " has no allocation in " + answer.dump());
}

LedgerRow ledger_row(const std::filesystem::path& state_dir, std::string_view csp, int media) {
  const std::string file = (state_dir / "ledger.sqlite3").string();
  sqlite3* opened = nullptr;
  const int status = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(opened, sqlite3_close);
  if (status != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  sqlite3_stmt* prepared = nullptr;
  sqlite3_prepare_v2(opened,
                     "SELECT client_to_peer_octets, client_to_peer_packets, peer_to_client_octets,"
                     " peer_to_client_packets, charged_octets, granted_octets FROM accounts"
                     " WHERE csp = ?1 AND media = ?2 AND client = ''",
                     -1, &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> query(prepared,
                                                                         sqlite3_finalize);
  sqlite3_bind_text(prepared, 1, csp.data(), static_cast<int>(csp.size()), SQLITE_STATIC);
  sqlite3_bind_int(prepared, 2, media);
  if (sqlite3_step(prepared) != SQLITE_ROW)
    throw std::runtime_error(std::string(csp) + " is not in " + file + ": " +
                             sqlite3_errmsg(opened));
  const auto column = [&](int index) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(prepared, index));
  };
  return {{{column(0), column(1)}, {column(2), column(3)}}, column(4), column(5)};
}

turntest::BrokerRelayOptions with_room(std::vector<std::string> arguments,
                                       std::string_view quota_lines) {
  turntest::BrokerRelayOptions options;
  options.relay.arguments = std::move(arguments);
  options.csp_toml = BrokerRelay::acme("10 GB", quota_lines);
  return options;
}

void check_books(BrokerRelay& relay, const Relayed& expected) {
  const auto ended = relay.relay().stop();
  CHECK(ended.status == 0);
  CHECK(ended.signal == 0);
  Relayed recorded;
  for (const auto& record : relay.records()) recorded += relayed_of(record);
  CHECK(recorded == expected);
  const LedgerRow ledger = ledger_row(relay.state_dir());
  CHECK(ledger.relayed == expected);
  CHECK(ledger.charged_octets == expected.client_to_peer.octets + expected.peer_to_client.octets);
  CHECK(ledger.granted_octets == ledger.charged_octets);
}

}  // namespace exact
