// What the tests that drive a whole broker share: a CSP "acme" with a quota of data, its clients, and
// allocations of theirs.
// Owner: each test. Threads: as FakeRelay and RunningBroker.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "fake_relay.h"

namespace testing {

/// Within the credential_ttl of a RunningBroker's configuration, from the start of its clock.
inline constexpr std::int64_t far_future_s = 1'820'000'000;
inline const std::string acme_secret = "acme-secret-0123456789";

/// The configuration of acme alone; `more` are lines of its quota.
inline std::string acme(const std::string& volume, const std::string& more = "",
                        const std::string& period = "total") {
  return "[csp.acme]\nsecret = \"" + acme_secret + "\"\n[csp.acme.quota.data]\nvolume = \"" +
         volume + "\"\nperiod = \"" + period + "\"\n" + more + "\n";
}

/// What acme mints for a client of its own.
inline Credentials of_acme(const std::string& client, std::int64_t expiry_s = far_future_s) {
  return mint(acme_secret, "acme/data/" + client, expiry_s);
}

/// As coturn would answer: 0, or a STUN error code.
inline int allocate(FakeRelay& relay, const Credentials& user, FakeAllocation& out) {
  return relay.allocate(user.username, user.password, out);
}

/// An allocation that must be let in.
[[nodiscard]] inline FakeAllocation allocated(FakeRelay& relay, const Credentials& user) {
  FakeAllocation out;
  REQUIRE(allocate(relay, user, out) == 0);
  return out;
}

/// Both directions' payload, of what the broker let through.
[[nodiscard]] inline std::uint64_t received(const FakeAllocation& allocation) {
  return allocation.received[0] + allocation.received[1];
}

/// The one usage record that a broker which has stopped must have written.
[[nodiscard]] inline nlohmann::json only_record(const RunningBroker& running) {
  const auto lines = running.records();
  REQUIRE(lines.size() == 1);
  return nlohmann::json::parse(lines[0]);
}

/// Packets of a thousand octets until the broker ends the allocation.
inline void relay_until_cut(RunningBroker& running, FakeRelay& relay, FakeAllocation& allocation,
                            turn_direction direction = TURN_CLIENT_TO_PEER) {
  REQUIRE(eventually([&] {
    relay.relay(allocation, direction, 1'000);
    relay.tick();
    return running.host.cancelled(allocation.id).has_value();
  }));
}

}  // namespace testing
