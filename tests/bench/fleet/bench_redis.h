// A redis-server as the README recommends one (append-only file, synced each second), on TCP and on a
// core of its own, and how the bench reaches it. The file is in memory where the machine has a place
// for that: what it costs to write is measured, and how slow this machine's disk is, is not.
// Owner: the run. Threads: one.
#pragma once

#include <memory>

#include "bench_directory.h"
#include "broker/config.h"
#include "support/redis_server.h"

namespace fleet_bench {

class BenchRedis {
 public:
  /// Pins the server, its threads and its children to the first core there is and this process to the
  /// others, where there are several.
  BenchRedis();

  [[nodiscard]] broker::RedisConfig config() const;
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }

 private:
  BenchDirectory directory_;
  std::unique_ptr<turntest::RedisServer> server_;
};

}  // namespace fleet_bench
