#include "bench_redis.h"

#include <sched.h>

#include <iostream>

namespace fleet_bench {

BenchRedis::BenchRedis() {
  cpu_set_t all;
  cpu_set_t one;
  CPU_ZERO(&all);
  CPU_ZERO(&one);
  ::sched_getaffinity(0, sizeof all, &all);
  const bool several = CPU_COUNT(&all) > 1;
  if (several) {
    int first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    CPU_SET(first, &one);
    CPU_CLR(first, &all);
    // What is started now inherits it, with all of its threads.
    ::sched_setaffinity(0, sizeof one, &one);
  } else {
    std::cerr << "fleet-bench: one core only: the server and the relays share it\n";
  }
  turntest::RedisOptions options;
  options.arguments = {"--appendonly", "yes",   "--appendfsync",
                       "everysec",     "--dir", directory_.path().string()};
  server_ = std::make_unique<turntest::RedisServer>(std::move(options));
  if (several) ::sched_setaffinity(0, sizeof all, &all);
}

broker::RedisConfig BenchRedis::config() const {
  broker::RedisConfig config;
  config.addresses.push_back({"127.0.0.1", port(), {}});
  return config;
}

}  // namespace fleet_bench
