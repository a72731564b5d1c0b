// What the ledger's file says, read past the relay.
// Owner: the test. Threads: one at a time.
#pragma once

#include <cstdint>
#include <filesystem>

namespace turntest {

/// Sums over all accounts of CSPs and all periods.
struct LedgerSums {
  std::uint64_t client_to_peer_octets = 0, peer_to_client_octets = 0;
  std::uint64_t client_to_peer_packets = 0, peer_to_client_packets = 0;
  std::uint64_t charged_octets = 0, granted_octets = 0;
  std::uint64_t open_incarnations = 0;
};

/// Throws std::runtime_error that names the file.
[[nodiscard]] LedgerSums read_ledger(const std::filesystem::path& file);

}  // namespace turntest
