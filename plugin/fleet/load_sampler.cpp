#include "fleet/load_sampler.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace plugin {

namespace {

constexpr std::int64_t second_us = 1'000'000;
/// Shorter ones say more about the clock than about the load.
constexpr std::int64_t interval_us_min = 10'000;
constexpr std::int64_t drops_interval_us = 5 * second_us;
/// Many sockets take long to look at: at most a hundredth of the thread's time.
constexpr std::int64_t drops_cost_factor = 100;

std::uint64_t per_second(std::uint64_t before, std::uint64_t now, std::int64_t elapsed_us) {
  if (now <= before) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(now - before) * second_us /
                                    static_cast<double>(elapsed_us));
}

}  // namespace

LoadSampler::LoadSampler(LoadSources sources, std::function<std::int64_t()> steady_us)
    : sources_(std::move(sources)), steady_us_(std::move(steady_us)) {}

LoadSample LoadSampler::sample(const std::array<std::uint64_t, 2>& octets) {
  const std::int64_t now_us = steady_us_();
  const std::int64_t elapsed_us = sampled_us_ ? now_us - *sampled_us_ : 0;
  if (sampled_us_ && elapsed_us < interval_us_min) return last_;
  const std::int64_t cpu_us = sources_.cpu_us();
  if (sampled_us_) {
    const auto available_us = static_cast<double>(elapsed_us) * std::max(sources_.cores(), 1U);
    last_.cpu = std::clamp(static_cast<double>(cpu_us - cpu_us_) / available_us, 0.0, 1.0);
    for (std::size_t i = 0; i < octets.size(); ++i)
      last_.octets_per_s.at(i) = per_second(octets_.at(i), octets.at(i), elapsed_us);
  }
  sampled_us_ = now_us;
  cpu_us_ = cpu_us;
  octets_ = octets;
  if (now_us >= next_drops_us_) sample_drops(now_us);
  return last_;
}

void LoadSampler::sample_drops(std::int64_t now_us) {
  auto drops = sources_.udp_drops();
  const std::int64_t cost_us = steady_us_() - now_us;
  next_drops_us_ = now_us + std::max(drops_interval_us, cost_us * drops_cost_factor);
  last_.dropped_packets_per_s = 0;
  if (drops && drops_us_ && now_us > *drops_us_) {
    std::uint64_t dropped = 0;
    for (const auto& [socket, count] : *drops) {
      const auto before = drops_.find(socket);
      const std::uint64_t earlier = before == drops_.end() ? 0 : before->second;
      if (count > earlier) dropped += count - earlier;
    }
    last_.dropped_packets_per_s = per_second(0, dropped, now_us - *drops_us_);
  }
  drops_us_.reset();
  if (!drops) return;
  drops_us_ = now_us;
  drops_ = std::move(*drops);
}

}  // namespace plugin
