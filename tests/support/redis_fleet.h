// Several Redis servers together: a cluster of three masters; a master with a replica, watched by
// three sentinels. Owner: the test. Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/redis_server.h"

namespace turntest {

class RedisCluster {
 public:
  /// Waits until every node calls the cluster's state ok. `each`: of every node.
  explicit RedisCluster(RedisOptions each = {});

  [[nodiscard]] RedisServer& node(std::size_t index) { return *nodes_.at(index); }
  /// The node that serves the slot, as the slots were given out at first.
  [[nodiscard]] static std::size_t owner_of(std::uint16_t slot) {
    return slot / slots_each < 2 ? slot / slots_each : 2;
  }
  [[nodiscard]] std::string id(std::size_t index) const;
  /// With its keys, while clients go on.
  void move_slot(std::uint16_t slot, std::size_t from, std::size_t to);

 private:
  static constexpr std::uint16_t slots_each = 5'462;

  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

class RedisSentinels {
 public:
  static constexpr const char* master_name = "main";

  /// Waits until all sentinels know each other, the master and its replica. `each`: of the servers and,
  /// where it is of TLS, of the sentinels; these have `password`.
  explicit RedisSentinels(RedisOptions each = {}, std::string password = {});

  [[nodiscard]] RedisServer& first() { return *servers_.at(0); }
  [[nodiscard]] RedisServer& second() { return *servers_.at(1); }
  [[nodiscard]] std::uint16_t port(std::size_t sentinel) const {
    return ports_.at(sentinel).port();
  }
  void kill_sentinel(std::size_t index) { processes_.at(index)->kill(); }
  /// Of a sentinel's redis-cli.
  [[nodiscard]] std::string cli(std::size_t sentinel,
                                const std::vector<std::string>& command) const;

 private:
  [[nodiscard]] std::string configuration(std::size_t sentinel) const;

  RedisOptions each_;
  std::string password_;
  TempDir directory_;
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<PortLease> ports_;
  std::vector<std::unique_ptr<ChildProcess>> processes_;
};

}  // namespace turntest
