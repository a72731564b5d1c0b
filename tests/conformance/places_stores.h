// The two keepers of places behind the same functions: the model, and the scripts in a real Redis.
// SQLite has none, since one relay alone shares its limit with nobody.
// Owner: the test. Threads: one.
#pragma once

#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

#include "conformance/redis_store.h"
#include "ledger/redis_places.h"
#include "support/model_places.h"

namespace conformance {

using Answers = broker::Result<std::vector<broker::PlacesAnswer>>;

class ModelPlacesFixture {
 public:
  Answers exchange(const broker::Incarnation& who,
                   const std::vector<broker::PlacesReport>& reports) {
    if (ended_.contains(who)) return broker::Error{"the incarnation has ended"};
    return places_.exchange(who, reports);
  }
  void end(const broker::Incarnation& who) {
    ended_.insert(who);
    places_.end(who);
  }

 private:
  broker::ModelPlaces places_;
  std::set<broker::Incarnation> ended_;
};

class RedisPlacesFixture {
 public:
  explicit RedisPlacesFixture(std::int64_t validity_time_ms = 1) : redis_(validity_time_ms) {
    config_.validity_time_ms = validity_time_ms;
    places_ = std::make_unique<plugin::RedisPlaces>(redis_.client(), config_);
  }
  Answers exchange(const broker::Incarnation& who,
                   const std::vector<broker::PlacesReport>& reports) {
    std::optional<Answers> answers;
    places_->exchange_places(who, reports, [&](Answers found) { answers = std::move(found); });
    while (!answers) ::event_base_loop(redis_.base(), EVLOOP_ONCE);
    return std::move(*answers);
  }
  void end(const broker::Incarnation& who) {
    if (const auto status = redis_.store().end(who, {}); !status)
      throw std::runtime_error(status.error().message);
  }
  plugin::RedisPlaces& places() { return *places_; }
  RedisFixture& redis() { return redis_; }

 private:
  RedisFixture redis_;
  broker::RedisConfig config_;
  std::unique_ptr<plugin::RedisPlaces> places_;
};

}  // namespace conformance
