// What a round has to show (campaign.h).
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <map>

#include "campaign.h"
#include "ledger_file.h"

namespace turntest {

void Campaign::check_records(Moment moment, Swarm& swarm) {
  const auto records = relay_.records();
  std::map<std::string, nlohmann::json> fresh;  // by relayed address
  for (std::size_t i = records_seen_; i < records.size(); ++i) {
    const auto& record = records[i];
    CAPTURE(record.dump());
    CHECK(allocation_names_.insert(record.at("allocation")).second);
    CHECK(fresh.emplace(record.at("relayed_addresses").at(0), record).second);
    const std::string reason = record.at("reason");
    CHECK((reason == "recovered" || (moment == Moment::exhaustion && reason == "quota_exhausted") ||
           (moment == Moment::stopping && reason == "shutdown")));
    recorded_.to_peer += {record.at("client_to_peer_octets"), record.at("client_to_peer_packets")};
    recorded_.to_client +=
        {record.at("peer_to_client_octets"), record.at("peer_to_client_packets")};
  }
  records_seen_ = records.size();

  for (Member& member : swarm.members()) {
    CAPTURE(member.open_error, member.relayed.to_string());
    if (moment != Moment::opening) CHECK(member.open());
    if (member.relayed.family == 0) continue;
    const auto record = fresh.find(member.relayed.to_string());
    REQUIRE(record != fresh.end());
    CHECK(record->second.at("client_address") == member.local.to_string());
    CHECK(record->second.at("client_to_peer_octets") >= member.peer_received.octets);
    CHECK(record->second.at("peer_to_client_octets") >= member.client_received().octets);
  }
  if (moment != Moment::opening) CHECK(fresh.size() == swarm.members().size());
}

void Campaign::check(Moment moment, Swarm& swarm) {
  // Otherwise what is missing at a far end says nothing about the relay.
  REQUIRE(swarm.kernel_drops() == 0);
  CHECK(swarm.foreign().packets == 0);
  received_.to_peer += swarm.peers_received();
  received_.to_client += swarm.clients_received();
  check_records(moment, swarm);
  check_ledger();
  check_difference();
  if (moment == Moment::exhaustion) CHECK(relay_.usage().used_octets <= limit_octets_);
}

void Campaign::check_ledger() const {
  const LedgerSums ledger = read_ledger(relay_.state_dir() / "ledger.sqlite3");
  CHECK(ledger.client_to_peer_octets == recorded_.to_peer.octets);
  CHECK(ledger.peer_to_client_octets == recorded_.to_client.octets);
  CHECK(ledger.client_to_peer_packets == recorded_.to_peer.packets);
  CHECK(ledger.peer_to_client_packets == recorded_.to_client.packets);
  CHECK(ledger.charged_octets == recorded_.both().octets);
  // Nothing is stranded with a relay that is gone.
  CHECK(ledger.granted_octets == ledger.charged_octets);
  CHECK(ledger.open_incarnations == 1);
}

void Campaign::check_difference() {
  REQUIRE(recorded_.to_peer.octets >= received_.to_peer.octets);
  REQUIRE(recorded_.to_client.octets >= received_.to_client.octets);
  REQUIRE(recorded_.to_peer.packets >= received_.to_peer.packets);
  REQUIRE(recorded_.to_client.packets >= received_.to_client.packets);
  const TrafficCount unsent{recorded_.both().octets - received_.both().octets,
                            recorded_.both().packets - received_.both().packets};
  // What one round cannot explain another may not make up for.
  REQUIRE(unsent.octets >= unsent_.octets);
  REQUIRE(unsent.packets >= unsent_.packets);
  const std::uint64_t packets = unsent.packets - unsent_.packets;
  const std::uint64_t packets_max =
      static_cast<std::uint64_t>(kills_ - kills_before_) * relay_threads;
  CHECK(packets <= packets_max);
  CHECK(unsent.octets - unsent_.octets <= packets_max * payload_max_octets);
  largest_unsent_packets_ = std::max(largest_unsent_packets_, packets);
  unsent_ = unsent;
}

void Campaign::print_summary() const {
  const TrafficCount recorded = recorded_.both();
  const TrafficCount received = received_.both();
  std::cout << kills_ << " kills: recorded " << recorded.octets << " octets in " << recorded.packets
            << " packets, received " << received.octets << " octets in " << received.packets
            << "; recorded - received = " << unsent_.octets << " octets in " << unsent_.packets
            << " packets, at most " << largest_unsent_packets_ << " packets in a round"
            << std::endl;
}

}  // namespace turntest
