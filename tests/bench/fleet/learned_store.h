// A store that was empty grants nothing for a while, shard by shard (README, "Redis forgot"). This has
// that over with before anything is measured.
// Owner: a function. Threads: the one that runs the event base.
#pragma once

#include "broker/config.h"
#include "clock.h"
#include "host.h"
#include "redis/client.h"

namespace fleet_bench {

/// Returns when the store of `config`, which is new, grants in all shards.
void learn(event_base* base, const plugin::Clock& clock, const plugin::Host& host,
           broker::RedisConfig config);

}  // namespace fleet_bench
