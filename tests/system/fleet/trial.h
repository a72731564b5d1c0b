// A fleet under a flood while something breaks, and the reckoning after it: what the far ends received,
// what the records tell and what Redis was told are the same. Checks with Catch's macros.
// Owner: the test. Threads: one at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet.h"
#include "store_view.h"

namespace turntest {

inline constexpr std::uint64_t megabyte = 1'000'000;

struct TrialOptions {
  std::string_view name;  ///< for the figures that are printed
  FleetOptions fleet{};   ///< without csp_toml
  std::uint64_t limit_octets = static_cast<std::uint64_t>(rounds(200, 40)) * megabyte;
  std::size_t allocations_each = 2;
  Address peers_at = Address::loopback(4);
};

class Trial {
 public:
  static constexpr Milliseconds flood_max{60'000};

  /// The relays run and let clients in.
  explicit Trial(const TrialOptions& options);
  ~Trial();

  [[nodiscard]] Fleet& fleet() { return fleet_; }
  [[nodiscard]] std::uint64_t limit_octets() const { return limit_octets_; }
  /// On all relays.
  void set_limit(std::uint64_t octets);

  /// A flood through all relays; with each new one the last ends.
  void flood() { flood(fleet_.flood(allocations_each_)); }
  void flood(std::vector<MemberPlan> plans);
  void end_flood();
  /// Of all floods, at both ends.
  [[nodiscard]] std::uint64_t received_octets() const;
  void wait_received(std::uint64_t octets);
  /// Until no relay has an allocation any more.
  void wait_cut(Milliseconds timeout = flood_max);
  /// Floods until the quota is used up: with new allocations as often as they are cut before that.
  void use_up();

  /// So many packets more may be recorded than were received: those in a killed relay's hands.
  void allow_unsent(std::uint64_t packets) { unsent_packets_max_ += packets; }
  /// What was received was recorded, and is within the limit.
  void check_records();
  /// By what every relay says of it, the ledger adds up. All of them run.
  void check_ledger();
  /// The same; then the fleet stops; the ledger has heard of every octet, and nobody holds anything any more.
  void reckon(const std::vector<const RedisServer*>& servers);

 private:
  static constexpr std::uint64_t payload_max_octets = 1'400;

  std::string name_;
  std::uint64_t limit_octets_;
  std::size_t allocations_each_;
  Address peers_at_;
  Fleet fleet_;
  std::unique_ptr<Swarm> swarm_;
  TrafficCount received_;  ///< of the floods that have ended
  std::uint64_t unsent_packets_max_ = 0;
  std::uint64_t floods_ = 0;
};

/// "[broker.store]" lines of one server: grants that are valid for so long.
[[nodiscard]] std::string store_at(std::string_view address, std::string_view validity_time,
                                   std::string_view more = "");

}  // namespace turntest
