// What a run measures beside what the server and the wire tell. Counts since the run began; the
// latencies only while `on`.
// Owner: the run. Threads: the one that runs the event base.
#pragma once

#include <cstdint>

#include "load/histogram.h"

namespace fleet_bench {

struct Measured {
  bool on = false;
  // The relays' truth.
  std::uint64_t relayed_octets = 0;
  std::uint64_t waits_for_credit = 0;  ///< charges that no credit covered at once
  std::uint64_t calls_opened = 0;
  std::uint64_t calls_closed = 0;
  std::uint64_t calls_refused = 0;
  std::uint64_t live_calls = 0;
  // What the settlers ask of the ledger: calls, and accounts in them by what is told of each.
  std::uint64_t exchanges = 0;
  std::uint64_t failures = 0;
  std::uint64_t first_grants = 0;  ///< the account held nothing here and wants some
  std::uint64_t refills = 0;
  std::uint64_t releases = 0;  ///< all that was granted is used or given back
  std::uint64_t plain_reports = 0;
  std::uint64_t rosters = 0;
  turnload::Histogram exchange_ns;
  turnload::Histogram grant_ns;  ///< of exchanges that ask for credit
  turnload::Histogram lag_ns;    ///< how late relays were visited
};

}  // namespace fleet_bench
