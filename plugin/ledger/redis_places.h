// The places of a fleet's allocations in Redis, beside its ledger (redis_ledger.h): the same shards,
// witnesses and incarnations.
// Owner: the broker. Threads: the broker thread; nothing blocks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/ports/places_link.h"
#include "ledger/ledger_keys.h"
#include "redis/client.h"

namespace plugin {

class RedisPlaces final : public broker::PlacesLink {
 public:
  /// The client is borrowed and must outlive this.
  RedisPlaces(redis::Client& client, const broker::RedisConfig& config);

  /// Called when the store may have forgotten what it was told.
  void on_forgotten(std::function<void()> tell_again) { tell_again_ = std::move(tell_again); }

  void exchange_places(const broker::Incarnation& incarnation,
                       std::vector<broker::PlacesReport> reports, Done done) override;
  void recall_places(const broker::PlacesKey& key) override;
  [[nodiscard]] std::int64_t places_validity_ms() const override {
    return config_.validity_time_ms;
  }

 private:
  struct Job;

  void send(const std::shared_ptr<Job>& job, std::size_t shard, const std::vector<std::size_t>& at);
  void take(Job& job, std::size_t shard, const std::vector<std::size_t>& at,
            const broker::Result<redis::Answer>& answer);

  redis::Client& client_;
  broker::RedisConfig config_;
  std::function<void()> tell_again_ = [] {};
  std::array<std::string, ledger_keys::shards> epochs_;
  /// Answers may come when this is gone.
  std::shared_ptr<RedisPlaces*> self_ = std::make_shared<RedisPlaces*>(this);
};

}  // namespace plugin
