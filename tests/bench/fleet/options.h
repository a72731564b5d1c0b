// What the benchmark is asked to do.
// Owner: value. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace fleet_bench {

enum class Job : std::uint8_t { fleet, saturation, broker };

struct Options {
  Job job = Job::fleet;
  std::size_t relays = 1'000;
  std::size_t accounts = 10'000;
  double relay_bit_s = 1e9;
  double seconds = 60;            ///< of the measurement
  double warmup_s = 30;           ///< from when the last relay joined
  double spread_s = 10;           ///< in which the calls begin that are there at the start
  double report_interval_s = 10;  ///< as it is configured
  std::uint64_t seed = 1;
  std::set<std::string> without;  ///< parts of a relay: "registry", "usage", "records"
  std::size_t reports = 1;        ///< saturation: in one exchange
  double exchanges_per_s = 0;     ///< saturation: 0 for as many as there can be
};

/// Ends the process where --help is asked for or something is wrong.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace fleet_bench
