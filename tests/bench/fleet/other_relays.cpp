#include "other_relays.h"

#include <fmt/format.h>

#include "fleet/registry.h"
#include "http/handles.h"
#include "sim_status.h"

namespace fleet_bench {

OtherRelays::OtherRelays(const plugin::Clock& clock, const plugin::Host& host,
                         const broker::RedisConfig& config, std::size_t count)
    : thread_([this, &clock, &host, &config, count] { run(clock, host, config, count); }) {}

OtherRelays::~OtherRelays() {
  stop_ = true;
  thread_.join();
}

void OtherRelays::run(const plugin::Clock& clock, const plugin::Host& host,
                      const broker::RedisConfig& config, std::size_t count) {
  const plugin::http::EventBaseHandle base(event_base_new());
  auto client = plugin::redis::Client::start(base.get(), config, clock, host);
  if (!client) return host.error("{}", client.error().message);
  plugin::Registry registry(*client.value(), host, clock);
  const std::int64_t began_ms = clock.steady_ms();
  for (std::int64_t told = 0; !stop_;) {
    // All of them in the time of one beat, one after the other.
    const std::int64_t due = (clock.steady_ms() - began_ms) * static_cast<std::int64_t>(count) /
                             plugin::Registry::beat_ms_min;
    for (; told < due; ++told) {
      const auto number = static_cast<std::size_t>(told) % count;
      auto status = plausible_status(fmt::format("other-{:04}", number), number + 1, clock);
      registry.beat(status);
    }
    const timeval soon{0, 10'000};
    event_base_loopexit(base.get(), &soon);
    event_base_loop(base.get(), 0);
  }
  client.value().reset();
  event_base_loop(base.get(), EVLOOP_NONBLOCK);
}

}  // namespace fleet_bench
