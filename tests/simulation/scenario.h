// What one simulated run is made of.
// Owner: value. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simulation {

inline constexpr std::int64_t validity_ms = 3'000;
inline constexpr std::int64_t timeout_ms = 400;
inline constexpr std::int64_t report_interval_ms = 1'000;
inline constexpr std::int64_t tick_ms = 100;
/// Of a run; the same in every build, so that a seed is.
inline constexpr std::uint64_t scenario_steps = 25'000;

/// Mistakes that product code does not make, to show that a run would find them.
enum class Fault : std::uint8_t {
  none,
  store_never_learns,      ///< grants at once after it may have forgotten
  store_learns_briefly,    ///< a third of the validity time
  grants_taken_twice,      ///< a relay is told the same grant again as if it were another
  reports_lower_totals,    ///< a late report replaces what a newer one said
  end_refunds_too_much,    ///< an ended share gives back what was used, too
  grants_ignore_others,    ///< each relay is granted of the whole limit
  nobody_looks,            ///< a store that forgot is noticed by those only who report
  validity_never_ends,     ///< a relay without contact goes on
  places_never_lapse,      ///< allocations of a relay without contact go on in places of others
  places_of_the_living,    ///< a store takes the places of whoever else holds some
  places_while_learning,   ///< a store that may have forgotten grants places
  clock_leaps_in_learning  ///< not a fault of ours: the store's wall clock is set ahead meanwhile
};

/// Of each kind of trouble: once in so many steps on average; 0: never.
struct Trouble {
  std::uint64_t crash = 0;
  std::uint64_t stop = 0;
  std::uint64_t partition = 0;
  std::uint64_t connection_lost = 0;
  std::uint64_t failover = 0;  ///< forgets up to two seconds
  std::uint64_t restart = 0;   ///< forgets nothing, or all
  std::uint64_t flush = 0;     ///< forgets all, and no connection is lost
  std::uint64_t store_clock = 0;
  std::uint64_t relay_clock = 0;
  std::uint64_t limits = 0;
  std::uint64_t quiet = 0;  ///< no traffic of a relay for a while
};

struct Scenario {
  std::uint64_t seed = 1;
  std::size_t relays = 1;
  std::uint64_t steps = scenario_steps;
  std::uint64_t time_one_in = 3;  ///< time passes once in so many steps
  std::uint64_t limit_octets = 4'000'000;
  std::uint32_t allocations = 0;  ///< at once of each quota, over all relays; 0: any number
  std::int64_t period_s = 60;
  Trouble trouble;
  Fault fault = Fault::none;
};

/// A random one with this seed: how many relays, how large the quotas, which troubles how often.
[[nodiscard]] Scenario scenario_of(std::uint64_t seed);

}  // namespace simulation
