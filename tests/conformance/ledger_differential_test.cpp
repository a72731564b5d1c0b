// A long random life of a ledger, told to the model and to SQLite alike. LEDGER_SEED=… repeats one.
#include <catch2/catch.hpp>
#include <random>

#include "conformance/ledger_stores.h"
#include "conformance/redis_store.h"

using namespace conformance;
using broker::AccountKey;
using broker::Incarnation;
using broker::LedgerStore;
using broker::MediaType;
using broker::UsageReport;

namespace {

constexpr int steps = 10'000;

class RandomLife {
 public:
  /// extremes: amounts at times near where sums overflow. holders: the store counts them.
  RandomLife(std::uint64_t seed, bool extremes, bool holders)
      : random_(seed), extremes_(extremes), holders_(holders) {}

  void step(LedgerStore& model, LedgerStore& store) {
    const unsigned what = below(100);
    INFO("operation " << what);
    if (what < 80) {
      const Incarnation who = incarnation();
      const std::vector<UsageReport> reports = some_reports();
      const auto expected = comparable(model.exchange(who, reports));
      same(expected, comparable(store.exchange(who, reports)));
      taken_ += expected ? 1 : 0;
    } else if (what < 88) {
      const Incarnation who = incarnation();
      const std::vector<UsageReport> reports = some_reports();
      if (what < 86)
        same(model.end(who, reports), store.end(who, reports));
      else
        same(model.write_off(who), store.write_off(who));
    } else if (what < 92) {
      const std::int64_t since_s = period();
      same(model.usage(since_s), store.usage(since_s));
    } else if (what < 95) {
      const std::string relay = relay_id();
      same(model.open_incarnations(relay), store.open_incarnations(relay));
    } else if (what < 98) {
      const std::string name = "client:" + std::to_string(below(30));
      const std::int64_t at_s = below(1000);
      const std::int64_t until_s = below(1000);
      same(model.revoke(name, at_s, until_s), store.revoke(name, at_s, until_s));
    } else {
      const std::int64_t now_s = below(1000);
      same(model.revocations(now_s), store.revocations(now_s));
    }
  }

  /// Exchanges that were no error.
  [[nodiscard]] int taken() const { return taken_; }

  static void same_state(LedgerStore& model, LedgerStore& store) {
    same(model.usage(INT64_MIN), store.usage(INT64_MIN));
    same(model.revocations(0), store.revocations(0));
  }

 private:
  template <typename T>
  static void same(const broker::Result<T>& expected, const broker::Result<T>& found) {
    if (!found && expected) FAIL(found.error().message);
    REQUIRE(expected.ok() == found.ok());
    if (expected) REQUIRE((expected.value() == found.value()));
  }

  using Grants = broker::Result<std::vector<broker::Grant>>;
  [[nodiscard]] Grants comparable(Grants grants) const {
    if (grants && !holders_)
      for (broker::Grant& grant : grants.value()) grant.holders = 0;
    return grants;
  }

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  std::string relay_id() { return {static_cast<char>('a' + below(4))}; }

  /// New lives appear as the old ones end.
  Incarnation incarnation() {
    newest_ += below(40) == 0 ? 1 : 0;
    return {relay_id(), newest_ + 1 - std::min<std::uint64_t>(below(4), newest_)};
  }

  std::int64_t period() { return static_cast<std::int64_t>(below(3)) * 1000; }

  AccountKey account() {
    return {below(2) == 0 ? "acme" : "globex", broker::all_media_types[below(3)], period(),
            below(3) == 0 ? "bob" : ""};
  }

  /// Mostly small, so that limits bind.
  std::uint64_t amount() {
    switch (extremes_ ? below(200) : 3) {
      case 0: return (std::uint64_t{1} << 62) - below(10);
      case 1: return broker::octets_max - below(10);
      case 2: return broker::octets_max + 1;
      default: return below(1000) + 100 * below(static_cast<unsigned>(newest_) + 1);
    }
  }

  std::vector<UsageReport> some_reports() {
    std::vector<UsageReport> reports(below(5));
    for (UsageReport& report : reports) {
      report.account = account();
      report.limit_octets = 20 * amount();
      if (report.limit_octets > broker::octets_max) report.limit_octets = broker::octets_max;
      report.used = {{amount(), amount()}, {amount(), amount()}};
      report.charged_octets = amount();
      report.granted_octets = report.charged_octets + below(500);
      report.wanted_octets = amount();
      report.sequence = below(2) == 0 ? 0 : ++sequence_ - below(20);
    }
    return reports;
  }

  std::mt19937_64 random_;
  bool extremes_;
  bool holders_;
  int taken_ = 0;
  std::uint64_t newest_ = 1;
  std::uint64_t sequence_ = 100;
};

template <typename Store>
void live_ten_thousand_steps(bool extremes, bool holders) {
  const std::uint64_t seed = seed_or(std::random_device{}());
  WARN("LEDGER_SEED=" << seed);
  RandomLife life(seed, extremes, holders);
  ModelFixture model;
  Store fixture;
  for (int step = 0; step < steps; ++step) {
    INFO("LEDGER_SEED=" << seed << ", step " << step);
    life.step(model.store(), fixture.store());
    if (step % 500 == 499) {
      fixture.reopen();
      RandomLife::same_state(model.store(), fixture.store());
    }
  }
  CHECK(life.taken() > steps / 4);
}

}  // namespace

TEST_CASE("SQLite and the model agree on ten thousand random steps") {
  live_ten_thousand_steps<SqliteFixture>(true, false);
}

// Without sums that overflow: what is not all in one shard is not refused as a whole there.
TEST_CASE("Redis and the model agree on ten thousand random steps") {
  live_ten_thousand_steps<RedisFixture>(false, true);
}
