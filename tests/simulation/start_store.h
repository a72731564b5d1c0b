// The store as a relay asks it while it starts and stops: each call waits for its answer, which may be
// lost before or after the store has taken it.
// Owner: Relay. Threads: one.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "simulation/store.h"

namespace simulation {

class StartStore final : public broker::LedgerStore {
 public:
  StartStore(World& world, Store& store, bool reachable)
      : world_(world), store_(store), reachable_(reachable) {}

  broker::Result<std::vector<broker::Grant>> exchange(
      const broker::Incarnation& who, const std::vector<broker::UsageReport>& reports) override {
    return perhaps<std::vector<broker::Grant>>([&]() -> broker::Result<std::vector<broker::Grant>> {
      auto answer = store_.exchange(0, who, reports);
      if (!answer) return answer.error();
      return std::move(answer).value().grants;
    });
  }
  broker::Status end(const broker::Incarnation& who,
                     const std::vector<broker::UsageReport>& last_reports) override {
    return perhaps<broker::Nothing>([&] { return store_.end(who, last_reports); });
  }
  broker::Status write_off(const broker::Incarnation& who) override {
    return perhaps<broker::Nothing>([&] { return store_.write_off(who); });
  }
  broker::Result<std::vector<broker::Incarnation>> open_incarnations(
      const std::string& relay_id) override {
    return perhaps<std::vector<broker::Incarnation>>(
        [&] { return broker::Result(store_.open_incarnations(relay_id)); });
  }
  broker::Result<std::vector<broker::AccountUsage>> usage(broker::UnixSeconds) override {
    return broker::Error{"not asked"};
  }
  broker::Status revoke(const std::string&, broker::UnixSeconds, broker::UnixSeconds) override {
    return broker::Error{"not asked"};
  }
  broker::Result<std::vector<Revocation>> revocations(broker::UnixSeconds) override {
    return broker::Error{"not asked"};
  }

 private:
  template <typename T, typename Call>
  broker::Result<T> perhaps(Call&& call) {
    const broker::Error lost{"no answer"};
    if (!reachable_ || world_.chance(20)) return lost;
    auto result = call();
    if (world_.chance(20)) return lost;
    return result;
  }

  World& world_;
  Store& store_;
  bool reachable_;
};

}  // namespace simulation
