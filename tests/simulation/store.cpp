#include "simulation/store.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace simulation {

using broker::Grant;
using broker::Incarnation;
using broker::PlacesReport;
using broker::UsageReport;

Store::Store(World& world, Truth& truth, Fault fault)
    : world_(world), truth_(truth), fault_(fault) {}

std::size_t Store::shard_of(broker::MediaType media) {
  return static_cast<std::size_t>(media) % shards;
}

std::string Store::witness(std::size_t shard) const {
  return fmt::format("{} {}", data_[shard].witness_run, data_[shard].learn_until_ms);
}

std::int64_t Store::learning_ms(Shard& shard) const {
  const std::int64_t now_ms = time_ms();
  std::int64_t longest_ms = validity_ms * 11 / 10;
  if (fault_ == Fault::store_never_learns) longest_ms = 0;
  if (fault_ == Fault::store_learns_briefly) longest_ms = validity_ms / 3;
  if (shard.witness_run != run_ || shard.learn_until_ms > now_ms + longest_ms) {
    shard.witness_run = run_;
    shard.learn_until_ms = now_ms + longest_ms;
  }
  return std::max<std::int64_t>(shard.learn_until_ms - now_ms, 0);
}

void Store::plant(std::vector<UsageReport>& reports) {
  for (UsageReport& report : reports) {
    // Where every report is the newest, one that comes late lowers what is known.
    if (fault_ == Fault::reports_lower_totals) report.sequence = world_.below(1'000'000'000) + 1;
    if (fault_ == Fault::grants_ignore_others) report.limit_octets = broker::octets_max / 1'000;
  }
}

broker::Result<Store::Answer> Store::exchange(std::size_t at, const Incarnation& who,
                                              std::vector<UsageReport> reports) {
  Shard& shard = data_[at];
  // A refused call leaves no witness behind, as the script writes last.
  const auto before = std::pair(shard.witness_run, shard.learn_until_ms);
  const std::int64_t learning = learning_ms(shard);
  std::vector<std::uint64_t> stored;
  for (UsageReport& report : reports) {
    if (learning > 0) report.wanted_octets = 0;
    stored.push_back(shard.ledger.share_of(who, report.account).granted_octets);
  }
  if (fault_ != Fault::none) plant(reports);
  auto grants = shard.ledger.exchange(who, reports);
  if (!grants) {
    std::tie(shard.witness_run, shard.learn_until_ms) = before;
    return grants.error();
  }
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const Grant& grant = grants.value()[i];
    const UsageReport& report = reports[i];
    world_.detail(
        "{}:{} tells of {}: #{} limit {}, charged {}, granted {}, wants {}; gets {}, left {}{}",
        who.relay_id, who.id % 1'000, name_of(report.account), report.sequence, report.limit_octets,
        report.charged_octets, report.granted_octets, report.wanted_octets, grant.granted_octets,
        grant.remaining_octets, learning > 0 ? ", learning" : "");
    grants.value()[i].learning = learning > 0;
    const std::uint64_t known = std::max(stored[i], reports[i].granted_octets);
    if (grants.value()[i].granted_octets > known)
      truth_.granted(reports[i].account,
                     [&](const auto& life, const auto& key) { return share_of(life, key); });
  }
  return Answer{std::move(grants).value(), {}, witness(at)};
}

broker::Result<Store::Answer> Store::exchange_places(std::size_t at, const Incarnation& who,
                                                     std::vector<PlacesReport> reports) {
  Shard& shard = data_[at];
  if (shard.ledger.has_ended(who)) return broker::Error{"the incarnation has ended"};
  const std::int64_t learning = learning_ms(shard);
  for (PlacesReport& report : reports) {
    if (learning > 0 && fault_ != Fault::places_while_learning) report.wanted = 0;
    if (fault_ == Fault::places_of_the_living && report.wanted != 0)
      report.gone = shard.places.holders(report.key);
  }
  auto answers = shard.places.exchange(who, reports);
  if (!answers) return answers.error();
  for (std::size_t i = 0; i < reports.size(); ++i) {
    broker::PlacesAnswer& answer = answers.value()[i];
    answer.learning = learning > 0 && fault_ != Fault::places_while_learning;
    world_.detail(
        "{}:{} has places of {}: #{} limit {}, kept {}, wants {}, {} gone; gets {}, others {}{}",
        who.relay_id, who.id % 1'000, broker::to_string(reports[i].key.media), reports[i].sequence,
        reports[i].limit, reports[i].kept, reports[i].wanted, reports[i].gone.size(), answer.held,
        answer.held_by_others, answer.learning ? ", learning" : "");
  }
  return Answer{{}, std::move(answers).value(), witness(at)};
}

broker::Status Store::end(const Incarnation& who, const std::vector<UsageReport>& last_reports) {
  for (const UsageReport& report : last_reports)
    world_.detail("{}:{} ends {}: charged {}", who.relay_id, who.id % 1'000,
                  name_of(report.account), report.charged_octets);
  for (std::size_t at = 0; at < shards; ++at) {
    std::vector<UsageReport> of_shard;
    for (const UsageReport& report : last_reports)
      if (shard_of(report.account.media) == at) of_shard.push_back(report);
    if (fault_ == Fault::end_refunds_too_much)
      for (UsageReport& report : of_shard) report.charged_octets -= report.charged_octets / 8;
    if (auto status = data_[at].ledger.end(who, of_shard); !status) return status;
    data_[at].places.end(who);
    [[maybe_unused]] const auto learning = learning_ms(data_[at]);
  }
  return broker::Nothing{};
}

broker::Status Store::write_off(const Incarnation& who) {
  for (Shard& shard : data_) {
    if (auto status = shard.ledger.write_off(who); !status) return status;
    shard.places.end(who);
    [[maybe_unused]] const auto learning = learning_ms(shard);
  }
  return broker::Nothing{};
}

std::vector<Incarnation> Store::open_incarnations(const std::string& relay_id) {
  std::vector<Incarnation> open;
  for (Shard& shard : data_) {
    const auto with_places = shard.places.open_incarnations(relay_id);
    open.insert(open.end(), with_places.begin(), with_places.end());
    const auto of_shard = shard.ledger.open_incarnations(relay_id);
    open.insert(open.end(), of_shard.value().begin(), of_shard.value().end());
  }
  std::ranges::sort(open);
  open.erase(std::unique(open.begin(), open.end()), open.end());
  return open;
}

std::vector<broker::AccountUsage> Store::usage() {
  std::vector<broker::AccountUsage> all;
  for (Shard& shard : data_) {
    const auto of_shard = shard.ledger.usage(INT64_MIN);
    all.insert(all.end(), of_shard.value().begin(), of_shard.value().end());
  }
  return all;
}

std::uint64_t Store::held_places() const {
  std::uint64_t sum = 0;
  for (const Shard& shard : data_) sum += shard.places.held();
  return sum;
}

broker::Share Store::share_of(const Incarnation& who, const broker::AccountKey& account) const {
  return data_[shard_of(account.media)].ledger.share_of(who, account);
}

void Store::take_snapshot() {
  constexpr std::size_t snapshots_max = 4;
  snapshots_.emplace_back(world_.now_ms(), data_);
  if (snapshots_.size() > snapshots_max) snapshots_.pop_front();
}

void Store::new_run(std::int64_t down_ms) {
  ++run_;
  up_again_ms_ = world_.now_ms() + down_ms;
  wall_ahead_ms_ = world_.between(-5'000, 5'000);
}

void Store::forgot() {
  truth_.store_forgot([&](const auto& life, const auto& key) { return share_of(life, key); });
}

void Store::fail_over(std::int64_t lost_ms, std::int64_t down_ms) {
  new_run(down_ms);
  std::int64_t at_ms = world_.now_ms();
  for (auto snapshot = snapshots_.rbegin(); snapshot != snapshots_.rend(); ++snapshot) {
    if (snapshot->first > world_.now_ms() - lost_ms) continue;
    at_ms = snapshot->first;
    data_ = snapshot->second;
    break;
  }
  world_.note("store: run {} takes over, {} ms are forgotten, down for {} ms", run_,
              world_.now_ms() - at_ms, down_ms);
  snapshots_.clear();
  forgot();
}

void Store::restart(bool keeps_data, std::int64_t down_ms) {
  new_run(down_ms);
  if (!keeps_data) data_ = Data();
  world_.note("store: run {} starts {} data, down for {} ms", run_,
              keeps_data ? "with all" : "without", down_ms);
  if (!keeps_data) snapshots_.clear();
  if (!keeps_data) forgot();
}

void Store::flush() {
  data_ = Data();
  snapshots_.clear();
  world_.note("store: flushed");
  forgot();
}

void Store::set_clock(std::int64_t wall_ahead_ms) {
  bool learns = false;
  for (const Shard& shard : data_)
    learns = learns || shard.witness_run != run_ || shard.learn_until_ms > time_ms();
  if (learns && fault_ != Fault::clock_leaps_in_learning)
    wall_ahead_ms = std::min(wall_ahead_ms, wall_ahead_ms_);
  wall_ahead_ms_ = wall_ahead_ms;
  world_.note("store: its clock is {} ms ahead", wall_ahead_ms_);
}

}  // namespace simulation
