// What the ledger's keys in Redis say, read past the relays.
// Owner: the test. Threads: one at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "support/redis_server.h"

namespace turntest {

/// Sums over all accounts of CSPs and all periods.
struct StoreView {
  std::uint64_t granted_octets = 0, charged_octets = 0;
  std::uint64_t client_to_peer_octets = 0, peer_to_client_octets = 0;
  std::uint64_t open_shares = 0;  ///< incarnations that hold a share of a shard's accounts
};

/// Of all servers together, which are the masters of one ledger.
[[nodiscard]] StoreView view_store(const std::vector<const RedisServer*>& servers);

}  // namespace turntest
