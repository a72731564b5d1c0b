// Relays that spend what they were granted, over messages that are delayed, repeated and lost, with
// relays that die and limits that change. LEDGER_SEED=… repeats a run.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <random>
#include <vector>

#include "broker/ledger.h"

using broker::Grant;
using broker::OthersTotals;
using broker::Share;
using broker::UsageReport;

namespace {

/// What one relay process knows of its own share.
struct Relay {
  std::uint64_t charged = 0;
  std::uint64_t granted = 0;  ///< it never spends beyond this
  std::uint64_t sequence = 0;
  std::size_t share = 0;  ///< its incarnation's place in the ledger
};

struct Message {
  std::size_t relay = 0;
  std::size_t share = 0;
  UsageReport report;
};

struct Answer {
  std::size_t relay = 0;
  std::size_t share = 0;
  std::uint64_t sequence = 0;
  Grant grant;
};

class Fleet {
 public:
  Fleet(std::uint64_t seed, std::size_t relays, bool limit_changes)
      : random_(seed), limit_changes_(limit_changes), relays_(relays), shares_(relays) {
    for (std::size_t i = 0; i < relays; ++i) relays_[i].share = i;
  }

  void step() {
    const std::size_t i = below(relays_.size());
    switch (below(limit_changes_ ? 7 : 6)) {
      case 0:
      case 1: spend(relays_[i]); break;
      case 2: send(i); break;
      case 3: deliver(); break;
      case 4: hear(); break;
      case 5:
        if (below(20) == 0) die(i);
        break;
      case 6:
        if (below(10) == 0) limit_ = below(20'000);
        highest_limit_ = std::max(highest_limit_, limit_);
        break;
    }
    check();
  }

  /// With nothing under way any more, one relay gets all that is left and the others keep nothing.
  void check_all_is_usable() {
    messages_.clear();
    answers_.clear();
    for (std::size_t i = 0; i < relays_.size(); ++i) exchange_now(i, 0);
    const std::uint64_t wanted = 1'000'000;
    exchange_now(0, wanted);
    CHECK(relays_[0].granted - relays_[0].charged == broker::saturating_sub(limit_, sum_charged()));
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  void spend(Relay& relay) {
    const std::uint64_t unspent = relay.granted - relay.charged;
    relay.charged += below(3) == 0 ? unspent : below(unspent + 1);
  }

  UsageReport report_of(Relay& relay, std::uint64_t wanted) {
    UsageReport report;
    report.account.csp = "acme";
    report.limit_octets = limit_;
    report.charged_octets = relay.charged;
    report.granted_octets = relay.granted;
    report.wanted_octets = wanted;
    report.sequence = ++relay.sequence;
    return report;
  }

  /// At times it gives back some of what it holds unspent.
  void send(std::size_t i) {
    Relay& relay = relays_[i];
    if (below(4) == 0) relay.granted -= below(relay.granted - relay.charged + 1);
    messages_.push_back({i, relay.share, report_of(relay, below(2000))});
  }

  OthersTotals others_of(std::size_t share) const {
    OthersTotals others;
    for (std::size_t i = 0; i < shares_.size(); ++i)
      if (i != share) others.granted_octets += shares_[i].granted_octets;
    return others;
  }

  Grant settle(std::size_t share, const UsageReport& report) {
    const OthersTotals others = others_of(share);
    const broker::Settlement settled = broker::settle_report(shares_[share], report, others);
    const bool grew = settled.share.granted_octets > shares_[share].granted_octets;
    shares_[share] = settled.share;
    if (grew) CHECK(others.granted_octets + settled.share.granted_octets <= report.limit_octets);
    return settled.grant;
  }

  /// Any message under way arrives; it may arrive again, or be lost.
  void deliver() {
    if (messages_.empty()) return;
    const std::size_t at = below(messages_.size());
    const Message message = messages_[at];
    if (below(3) != 0) messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(at));
    if (below(10) == 0 || ended_.at(message.share)) return;
    answers_.push_back({message.relay, message.share, message.report.sequence,
                        settle(message.share, message.report)});
  }

  /// A relay listens to the answer to its latest report only, and gives back what it can.
  void hear() {
    if (answers_.empty()) return;
    const std::size_t at = below(answers_.size());
    const Answer answer = answers_[at];
    answers_.erase(answers_.begin() + static_cast<std::ptrdiff_t>(at));
    Relay& relay = relays_[answer.relay];
    if (answer.share != relay.share || answer.sequence != relay.sequence) return;
    relay.granted = std::max(relay.charged, answer.grant.granted_octets);
  }

  /// Its next life settles what the last one used.
  void die(std::size_t i) {
    Relay& relay = relays_[i];
    const UsageReport last = report_of(relay, 0);
    shares_[relay.share] = broker::end_share(shares_[relay.share], &last);
    ended_[relay.share] = true;
    CHECK(shares_[relay.share].charged_octets == relay.charged);
    relay = Relay{};
    relay.share = shares_.size();
    shares_.emplace_back();
    ended_.push_back(false);
  }

  void exchange_now(std::size_t i, std::uint64_t wanted) {
    Relay& relay = relays_[i];
    relay.granted = relay.charged;
    const UsageReport report = report_of(relay, wanted);
    relay.granted = std::max(relay.charged, settle(relay.share, report).granted_octets);
  }

  std::uint64_t sum_charged() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < shares_.size(); ++i)
      if (ended_[i]) sum += shares_[i].charged_octets;
    for (const Relay& relay : relays_) sum += relay.charged;
    return sum;
  }

  void check() {
    std::uint64_t recorded = 0;
    for (const Share& share : shares_) recorded += share.granted_octets;
    REQUIRE(recorded <= highest_limit_);
    REQUIRE(sum_charged() <= highest_limit_);
    for (const Relay& relay : relays_)
      REQUIRE(relay.granted <= shares_[relay.share].granted_octets);
  }

  std::mt19937_64 random_;
  bool limit_changes_;
  std::uint64_t limit_ = 10'000;
  std::uint64_t highest_limit_ = limit_;
  std::vector<Relay> relays_;
  std::vector<Share> shares_;
  std::vector<bool> ended_ = std::vector<bool>(relays_.size(), false);
  std::vector<Message> messages_;
  std::vector<Answer> answers_;
};

}  // namespace

TEST_CASE("no order, loss or repetition of messages lets the relays spend beyond the limit") {
  const char* given = std::getenv("LEDGER_SEED");
  const std::uint64_t seed =
      given == nullptr ? std::random_device{}() : std::strtoull(given, nullptr, 0);
  WARN("LEDGER_SEED=" << seed);
  for (std::uint64_t run = 0; run < 40; ++run) {
    INFO("LEDGER_SEED=" << seed << ", run " << run);
    Fleet fleet(seed + run, 1 + run % 5, run % 2 == 1);
    for (int step = 0; step < 2000; ++step) fleet.step();
    fleet.check_all_is_usable();
  }
}
