#include "trial.h"

#include <catch2/catch.hpp>
#include <iostream>

#include "support/wait_until.h"

namespace turntest {

namespace {

constexpr Milliseconds admitting_max{30'000};
constexpr Milliseconds reload_max{30'000};
constexpr Milliseconds records_max{10'000};

std::string quota(std::uint64_t octets) { return BrokerRelay::acme(std::to_string(octets) + " B"); }

FleetOptions with_quota(FleetOptions options, std::uint64_t octets) {
  options.csp_toml = quota(octets);
  return options;
}

}  // namespace

std::string store_at(std::string_view address, std::string_view validity_time,
                     std::string_view more) {
  std::string text = "url = \"redis://";
  text.append(address).append("\"\nvalidity_time = \"").append(validity_time);
  return text.append("\"\nreport_interval = \"1s\"\n").append(more).append("\n");
}

Trial::Trial(const TrialOptions& options)
    : name_(options.name),
      limit_octets_(options.limit_octets),
      allocations_each_(options.allocations_each),
      peers_at_(options.peers_at),
      fleet_(with_quota(options.fleet, options.limit_octets)) {
  REQUIRE(fleet_.wait_admitting(admitting_max));
}

Trial::~Trial() = default;

void Trial::set_limit(std::uint64_t octets) {
  limit_octets_ = octets;
  fleet_.write_csps(quota(octets));
  REQUIRE(fleet_.wait_limit(octets, reload_max));
}

void Trial::flood(std::vector<MemberPlan> plans) {
  end_flood();
  swarm_ = std::make_unique<Swarm>(std::move(plans), 1, test_seed() + ++floods_, peers_at_);
  swarm_->start();
  swarm_->wait_open();
}

void Trial::end_flood() {
  if (swarm_ == nullptr) return;
  swarm_->stop();
  fleet_.cut();
  swarm_->drain();
  // Otherwise what is missing at a far end says nothing about the relay.
  REQUIRE(swarm_->kernel_drops() == 0);
  CHECK(swarm_->foreign().packets == 0);
  received_ += swarm_->peers_received();
  received_ += swarm_->clients_received();
  swarm_.reset();
}

std::uint64_t Trial::received_octets() const {
  return received_.octets + (swarm_ == nullptr ? 0 : swarm_->received_octets());
}

void Trial::wait_received(std::uint64_t octets) {
  REQUIRE(wait_until(flood_max, [&] { return received_octets() >= octets; }));
}

void Trial::wait_cut(Milliseconds timeout) {
  REQUIRE(wait_until(timeout, [&] { return fleet_.live_allocations() == 0; }));
}

void Trial::use_up() {
  const std::uint64_t nearly = limit_octets_ - limit_octets_ / 1'000;
  REQUIRE(wait_until(flood_max, [&] {
    if (received_octets() >= nearly) return true;
    if (swarm_ == nullptr || fleet_.live_allocations() == 0) flood();
    return false;
  }));
  wait_cut();
  end_flood();
}

void Trial::check_records() {
  REQUIRE(wait_until(records_max, [&] { return fleet_.live_allocations() == 0; }));
  const auto sums = [&] { return fleet_.recorded(); };
  CHECK(wait_until(records_max, [&] { return sums().used_octets >= received_.octets; }));
  const Usage recorded = sums();
  CHECK(recorded.used_octets <= received_.octets + unsent_packets_max_ * payload_max_octets);
  CHECK(received_.octets <= limit_octets_);
  CHECK(recorded.used_octets <= limit_octets_);
}

void Trial::check_ledger() {
  for (std::size_t i = 0; i < fleet_.size(); ++i) {
    const auto answer = fleet_.relay(i).ctl_raw({"--json", "ledger", "check"});
    INFO(answer.output);
    CHECK(answer.exit.status == 0);
    CHECK(answer.exit.signal == 0);
  }
}

void Trial::reckon(const std::vector<const RedisServer*>& servers) {
  end_flood();
  check_ledger();
  CHECK(fleet_.stop());
  const Usage recorded = fleet_.recorded();
  const StoreView store = view_store(servers);
  std::cout << name_ << ": limit " << limit_octets_ << ", received " << received_.octets
            << ", recorded " << recorded.used_octets << ", charged " << store.charged_octets
            << ", allocations " << recorded.allocations << std::endl;
  CHECK(received_.octets <= limit_octets_);
  CHECK(recorded.used_octets <= limit_octets_);
  CHECK(recorded.used_octets >= received_.octets);
  CHECK(recorded.used_octets <= received_.octets + unsent_packets_max_ * payload_max_octets);
  CHECK(store.charged_octets == recorded.used_octets);
  CHECK(store.client_to_peer_octets == recorded.client_to_peer_octets);
  CHECK(store.peer_to_client_octets == recorded.peer_to_client_octets);
  CHECK(store.granted_octets == store.charged_octets);
  CHECK(store.open_shares == 0);
}

}  // namespace turntest
