// What an operator is told of the fleet and of its ledger (ctl/control.h).
// Owner: values. Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/ledger_audit.h"
#include "broker/ports/ledger_books.h"
#include "broker/relay_status.h"

namespace plugin {

/// One line of `turnbrokerctl relays`: a relay as the one that is asked knows it.
struct RelayView {
  broker::RelayStatus status;
  std::int64_t age_ms = 0;  ///< since it was last heard of
  bool up = true;           ///< false: silent for so long that it counts as gone
  bool self = false;        ///< it is the one that is asked
};

/// One line of `turnbrokerctl domains`: relays of one domain. What relays carry is of those that are up.
struct DomainView {
  std::string domain;  ///< empty: of relays without one
  std::uint64_t relays = 0;
  std::uint64_t up = 0;
  std::uint64_t healthy = 0;   ///< and up
  std::uint64_t draining = 0;  ///< and up
  std::uint64_t allocations = 0;
  /// Of both as much as is known; nullopt when no relay tells.
  std::optional<std::uint64_t> allocations_max;
  std::optional<std::uint64_t> capacity_bits_per_s;
  std::array<std::uint64_t, 2> octets_per_s{};
};

/// By domain.
[[nodiscard]] std::vector<DomainView> domains_of(std::span<const RelayView> relays);

/// Which accounts of the ledger.
struct LedgerQuery {
  std::string csp;       ///< empty: of all
  bool clients = false;  ///< also those of single client names
};

/// One line of `turnbrokerctl usage --fleet`.
struct LedgerAccount {
  broker::AccountBooks books;
  std::string period;  ///< broker::period_name; the day it began on when its kind is not known here
  std::optional<std::uint64_t> limit_octets;  ///< of the current period of a quota configured here
};

struct LedgerUsage {
  std::vector<LedgerAccount> accounts;  ///< by key; the first ones when there are too many
  std::uint64_t total = 0;              ///< accounts that were looked at
  bool complete = true;                 ///< false: there was no time to look at all
};

/// The answer to `turnbrokerctl ledger check`.
struct LedgerCheck {
  static constexpr std::size_t findings_max = 1'000;

  std::uint64_t accounts = 0;             ///< that were looked at
  std::uint64_t faults = 0;               ///< of all findings
  std::uint64_t notes = 0;                ///< alike
  std::vector<broker::Finding> findings;  ///< findings_max at most, faults before notes
  bool complete = true;                   ///< false: there was no time to look at all
  [[nodiscard]] bool ok() const { return complete && faults == 0; }
};

}  // namespace plugin
