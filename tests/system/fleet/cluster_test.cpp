// The ledger in a cluster of three masters, one of which is killed under load, and a slot of which moves.
#include <catch2/catch.hpp>
#include <iostream>
#include <string>

#include "support/redis_fleet.h"
#include "support/wait_until.h"
#include "trial.h"

using namespace turntest;

namespace {

constexpr std::size_t relays = 8;
constexpr std::size_t nodes = 3;

/// Of the cluster, with all of its nodes.
std::string store_of(RedisCluster& cluster) {
  std::string text = "mode = \"cluster\"\nurls = [";
  for (std::size_t i = 0; i < nodes; ++i)
    text.append("\"redis://")
        .append(cluster.node(i).address())
        .append(i + 1 < nodes ? "\", " : "\"]\n");
  return text + "validity_time = \"2s\"\nreport_interval = \"1s\"\n";
}

/// Where the one account is that the flood uses.
std::string account_key(RedisCluster& cluster) {
  for (std::size_t i = 0; i < nodes; ++i) {
    const std::string keys = cluster.node(i).cli({"KEYS", "turnbroker:*:account:acme:*"});
    if (keys.starts_with("turnbroker:")) return keys.substr(0, keys.find('\n'));
  }
  throw std::runtime_error("no account in the cluster");
}

}  // namespace

TEST_CASE("a cluster keeps the quota while a slot moves and a master is killed") {
  RedisCluster cluster({.arguments = {"--appendonly", "yes", "--appendfsync", "everysec"}});
  Trial trial({.name = "cluster", .fleet = {.relays = relays, .store_toml = store_of(cluster)}});
  const std::string key = account_key(cluster);
  const auto slot =
      static_cast<std::uint16_t>(std::stoul(cluster.node(0).cli({"CLUSTER", "KEYSLOT", key})));
  const std::size_t from = RedisCluster::owner_of(slot);
  const std::size_t to = (from + 1) % nodes;
  trial.flood();
  trial.wait_received(trial.limit_octets() / 4);
  cluster.move_slot(slot, from, to);
  trial.wait_received(trial.limit_octets() / 2);
  cluster.node(to).kill();
  cluster.node(to).start();
  std::cout << "slot " << slot << " moved from node " << from << " to node " << to
            << ", which was killed\n";
  trial.use_up();
  trial.reckon({&cluster.node(0), &cluster.node(1), &cluster.node(2)});
}
