// How much this process carries: shares of the machine and rates, from counters that only grow.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

namespace plugin {

/// Drops by socket, as /proc/net/udp numbers them.
using UdpDrops = std::map<std::uint64_t, std::uint64_t>;

/// Where a sampler looks; tests bring their own.
struct LoadSources {
  std::function<std::int64_t()> cpu_us;  ///< user and system time of the process so far
  std::function<unsigned()> cores;       ///< that it may use
  /// Packets that found no room, of each of the process's UDP sockets; nullopt when nobody can tell.
  std::function<std::optional<UdpDrops>()> udp_drops;
};

/// getrusage(2), sched_getaffinity(2), /proc/net/udp and udp6.
[[nodiscard]] LoadSources system_load_sources();

struct LoadSample {
  double cpu = 0;  ///< of all cores, 0 .. 1
  std::array<std::uint64_t, 2> octets_per_s{};
  std::uint64_t dropped_packets_per_s = 0;  ///< 0 also where it cannot be told
};

class LoadSampler {
 public:
  /// `steady_us` tells the time; a steady clock's.
  LoadSampler(LoadSources sources, std::function<std::int64_t()> steady_us);

  /// Means since the call before; the first one has none. `octets` is all that was relayed so far by
  /// direction; where it has become less, as when accounts are forgotten, nothing was relayed.
  LoadSample sample(const std::array<std::uint64_t, 2>& octets);

 private:
  void sample_drops(std::int64_t now_us);

  LoadSources sources_;
  std::function<std::int64_t()> steady_us_;
  std::optional<std::int64_t> sampled_us_;
  std::int64_t cpu_us_ = 0;
  std::array<std::uint64_t, 2> octets_{};
  std::optional<std::int64_t> drops_us_;  ///< when they were looked at last
  std::int64_t next_drops_us_ = 0;
  UdpDrops drops_;
  LoadSample last_;
};

}  // namespace plugin
