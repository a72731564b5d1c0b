// Relays that share a quota through one Redis, and clients of them all.
// Owner: the test. Threads: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker_relay.h"
#include "flood/swarm.h"
#include "support/ports.h"

namespace turntest {

struct FleetOptions {
  std::size_t relays = 2;
  bool http = false;         ///< each relay serves the HTTP API, and tells clients its TURN URL
  std::string store_toml{};  ///< of [broker.store], without `kind`
  std::string csp_toml{};
  int relay_threads = 1;
  /// For the relay that is not like the others.
  std::function<void(std::size_t index, BrokerRelayOptions& options)> adjust{};
};

class Fleet {
 public:
  /// Relays r0, r1, ...; throws with the output of the one that does not start.
  explicit Fleet(const FleetOptions& options);

  [[nodiscard]] std::size_t size() const { return relays_.size(); }
  [[nodiscard]] BrokerRelay& relay(std::size_t index) { return *relays_.at(index); }
  /// What the HTTP API of a relay answers to a path, and its status. Throws when it does not.
  struct Answer {
    int status = 0;
    nlohmann::json body;
  };
  [[nodiscard]] Answer get(std::size_t index, const std::string& path) const;
  /// The same quota file on every relay.
  void write_csps(std::string_view csp_toml);
  /// Waits until every relay lets a client in: a store that is new grants nothing at first.
  [[nodiscard]] bool wait_admitting(Milliseconds timeout);
  /// The octets of all records of all relays.
  [[nodiscard]] Usage recorded() const;
  [[nodiscard]] std::uint64_t live_allocations();
  /// Whether every relay knows of this limit.
  [[nodiscard]] bool wait_limit(std::uint64_t octets, Milliseconds timeout);
  /// Ends all allocations on the relays that run.
  void cut();
  /// Ends all relays as an operator would; false when one of them did not settle everything.
  [[nodiscard]] bool stop();

  /// A flood through all relays: `each` allocations on each of them.
  [[nodiscard]] std::vector<MemberPlan> flood(std::size_t each) const;

 private:
  std::vector<PortLease> http_ports_;
  std::vector<std::unique_ptr<BrokerRelay>> relays_;
};

}  // namespace turntest
