#include "ledger/redis_ledger.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "broker/names.h"
#include "fleet/fleet_messages.h"
#include "fleet/publish.h"
#include "fleet/registry.h"
#include "ledger/ledger_scripts.h"
#include "take_last.h"

namespace plugin {

namespace keys = ledger_keys;
using broker::Error;
using broker::Grant;
using broker::Incarnation;
using broker::Nothing;
using broker::Result;
using broker::Status;
using broker::UsageReport;

namespace {

/// Reports in one script, so that no call holds the server for long.
constexpr std::size_t reports_max = 128;
constexpr std::size_t report_arguments = 9;
/// Of the last ones.
constexpr std::size_t told_at_once = 4'096;
/// How often to look for a loss: what it forgot is to be told again while it learns.
constexpr std::int64_t looks_in_validity = 5;
/// All relays of a fleet together make so many rounds of reports that one server bears it.
constexpr std::int64_t report_ms_per_relay = 50;
constexpr std::int64_t report_ms_max = 60'000;

Status check_amounts(const UsageReport& report) {
  if (Status sound = broker::check_report(report); !sound) return sound;
  const auto largest = std::max({report.limit_octets, report.charged_octets, report.granted_octets,
                                 report.wanted_octets, report.used.octets[0], report.used.octets[1],
                                 report.used.packets[0], report.used.packets[1], report.sequence});
  if (largest > redis_octets_max)
    return Error{"account " + broker::for_log(report.account.csp) + "/" +
                 std::string(to_string(report.account.media)) + ": " + std::to_string(largest) +
                 " is more than the Redis ledger counts (2^53-1)"};
  return Nothing{};
}

Status check_call(const Incarnation& incarnation, const std::vector<UsageReport>& reports) {
  if (!broker::is_relay_id(incarnation.relay_id))
    return Error{"\"" + broker::for_log(incarnation.relay_id) + "\" is not a relay id"};
  if (incarnation.id == 0) return Error{"an incarnation's id is never 0"};
  for (const UsageReport& report : reports)
    if (Status sound = check_amounts(report); !sound) return sound;
  return Nothing{};
}

std::vector<std::string> arguments_of(const UsageReport& report) {
  std::vector<std::string> out;
  for (const std::uint64_t value :
       {report.limit_octets, report.charged_octets, report.granted_octets, report.wanted_octets,
        report.used.octets[0], report.used.octets[1], report.used.packets[0],
        report.used.packets[1], report.sequence})
    out.push_back(std::to_string(value));
  return out;
}

/// Nine integers from `first` on.
std::optional<Grant> grant_in(const redis::Reply& reply, std::size_t first, bool learning) {
  std::array<std::uint64_t, report_arguments> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& item = reply.items[first + i];
    if (!item.is_integer() || item.integer < 0) return std::nullopt;
    values[i] = static_cast<std::uint64_t>(item.integer);
  }
  Grant grant;
  grant.granted_octets = values[0];
  grant.remaining_octets = values[1];
  grant.used_by_others_octets = values[2];
  grant.used_by_others = {{values[3], values[4]}, {values[5], values[6]}};
  grant.unspent_by_others_octets = broker::saturating_sub(values[7], values[2]);
  grant.holders = static_cast<std::uint32_t>(std::min<std::uint64_t>(values[8], UINT32_MAX));
  grant.learning = learning;
  return grant;
}

/// For calls whose grants nobody wants.
RedisLedger::Done<std::vector<Grant>> when_taken(RedisLedger::Done<Nothing> done) {
  return [done = std::move(done)](const Result<std::vector<Grant>>& grants) {
    if (grants)
      done(Nothing{});
    else
      done(grants.error());
  };
}

}  // namespace

/// A call that may be several scripts: done when the last of them is.
struct RedisLedger::Job {
  Incarnation incarnation;
  Reports reports;
  Kind kind = Kind::report;
  Done<std::vector<Grant>> done;
  std::vector<Grant> grants;
  std::optional<Error> error;
  std::size_t open = 0;

  void finish_one() {
    if (--open != 0) return;
    if (error)
      done(*error);
    else
      done(std::move(grants));
  }
};

std::string RedisLedger::word_of(Kind kind) {
  switch (kind) {
    case Kind::report: return "report";
    case Kind::end: return "end";
    case Kind::write_off: return "write off";
  }
  return {};
}

RedisLedger::RedisLedger(redis::Client& client, const broker::RedisConfig& config,
                         const Clock& clock)
    : client_(client), config_(config), clock_(clock) {
  seen_ms_.fill(redis::no_contact_ms);
}

void RedisLedger::exchange(const Incarnation& incarnation, Reports reports,
                           Done<std::vector<Grant>> done) {
  send(incarnation, std::move(reports), Kind::report, std::move(done));
}

void RedisLedger::end(const Incarnation& incarnation, Reports last_reports, Done<Nothing> done) {
  if (last_reports.size() <= reports_max)
    return send(incarnation, std::move(last_reports), Kind::end, when_taken(std::move(done)));
  // What does not fit one script is told before, and not more at a time than may wait for Redis: an end that
  // overtook a part of it, sent again for whatever reason, would leave that part out.
  Reports told_now = take_last(last_reports, told_at_once);
  send(incarnation, std::move(told_now), Kind::report,
       [self = std::weak_ptr(self_), incarnation, later = std::move(last_reports),
        done = std::move(done)](const Result<std::vector<Grant>>& told) mutable {
         const auto ledger = self.lock();
         if (!ledger) return;
         // Where it has ended already nothing is taken any more; where an end did not arrive, it is.
         if (!told && !broker::says_ended(told.error())) return done(told.error());
         ++(*ledger)->steps_;
         (*ledger)->end(incarnation, std::move(later), std::move(done));
       });
}

void RedisLedger::write_off(const Incarnation& incarnation, Done<Nothing> done) {
  send(incarnation, {}, Kind::write_off, when_taken(std::move(done)));
}

void RedisLedger::send(const Incarnation& incarnation, Reports reports, Kind kind,
                       Done<std::vector<Grant>> done) {
  if (Status sound = check_call(incarnation, reports); !sound) return done(sound.error());
  std::map<std::size_t, std::vector<std::size_t>> by_shard;
  // The end of an incarnation is of all shards; that there is one is told to the first.
  if (kind != Kind::report)
    for (std::size_t shard = 0; shard < keys::shards; ++shard) by_shard[shard];
  if (reports.empty()) by_shard[0];
  for (std::size_t i = 0; i < reports.size(); ++i)
    by_shard[keys::shard_of(reports[i].account)].push_back(i);

  auto job = std::make_shared<Job>();
  job->incarnation = incarnation;
  job->grants.resize(reports.size());
  job->reports = std::move(reports);
  job->kind = kind;
  job->done = std::move(done);
  job->open = 1;  // held until all are sent
  for (auto& [shard, all] : by_shard) {
    for (std::size_t first = 0; first == 0 || first < all.size(); first += reports_max) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count = std::min(reports_max, all.size() - first);
      send_shard(job, shard, {from, from + static_cast<std::ptrdiff_t>(count)});
    }
  }
  job->finish_one();
}

void RedisLedger::send_shard(const std::shared_ptr<Job>& job, std::size_t shard,
                             const std::vector<std::size_t>& at) {
  const Incarnation& who = job->incarnation;
  std::vector<std::string> names{keys::witness(shard), keys::open_incarnations(shard, who.relay_id),
                                 keys::ended_incarnations(shard, who.relay_id),
                                 keys::accounts_of(shard, who), keys::all_accounts(shard)};
  std::vector<std::string> arguments{"", std::to_string(config_.validity_time_ms),
                                     keys::name_of(who), word_of(job->kind),
                                     std::to_string(broker::ended_incarnations_max)};
  for (const std::size_t i : at) {
    names.push_back(keys::account(job->reports[i].account));
    for (auto& text : arguments_of(job->reports[i])) arguments.push_back(std::move(text));
  }
  ++job->open;
  redis::EvalOptions options;
  options.run_id_argument = 0;
  options.replicas_wanted = config_.replicas;
  client_.eval(
      ledger_scripts::exchange(), std::move(names), std::move(arguments),
      [self = std::weak_ptr(self_), job, shard, at](const Result<redis::Answer>& answer) {
        if (const auto ledger = self.lock()) (*ledger)->take(job, shard, at, answer);
      },
      options);
}

void RedisLedger::take(const std::shared_ptr<Job>& job, std::size_t shard,
                       const std::vector<std::size_t>& at, const Result<redis::Answer>& answer) {
  const bool is_report = job->kind == Kind::report;
  const std::size_t items = is_report ? 2 + at.size() * report_arguments : 3;
  if (!answer) {
    const auto& error = answer.error();
    const bool ended = error.message.find("ENDED") != std::string::npos;
    // That one shard knows of the end says nothing of a shard that did not answer.
    if (!ended)
      job->error = error;
    else if (!job->error)
      job->error = broker::ended_error(keys::name_of(job->incarnation));
  } else if (const auto& reply = answer.value().reply;
             !reply.has_items(items) || reply.items.size() != items ||
             !reply.items[0].is_integer() || !reply.items[1].is_text() ||
             (!is_report && !reply.items[2].is_integer())) {
    job->error = Error{"the Redis ledger answered something else than grants"};
  } else {
    if (is_report) {
      take_grants(*job, at, reply);
    } else if (reply.items[2].integer != 0) {
      ++steps_;
      send_shard(job, shard, {});  // shares are left, of which there is no last report
    }
    see_epoch(shard, reply.items[1].text);
  }
  job->finish_one();
}

void RedisLedger::take_grants(Job& job, const std::vector<std::size_t>& at,
                              const redis::Reply& reply) {
  for (std::size_t i = 0; i < at.size() && !job.error; ++i) {
    const auto grant = grant_in(reply, 2 + i * report_arguments, reply.items[0].integer > 0);
    if (grant)
      job.grants[at[i]] = *grant;
    else
      job.error = Error{"the Redis ledger answered something else than grants"};
  }
}

void RedisLedger::see_epoch(std::size_t shard, const std::string& epoch) {
  seen_ms_[shard] = clock_.steady_ms();
  const std::string known = std::exchange(epochs_[shard], epoch);
  if (!known.empty() && known != epoch) tell_again_();
}

std::int64_t RedisLedger::report_interval_ms() const {
  const std::int64_t in_fleet_ms =
      std::min(static_cast<std::int64_t>(relays_) * report_ms_per_relay, report_ms_max);
  return std::max(config_.report_interval_ms, in_fleet_ms);
}

std::int64_t RedisLedger::valid_until_ms() const {
  return client_.last_contact_ms() + config_.validity_time_ms;
}

void RedisLedger::look_for_loss() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_look_ms_) return;
  const std::int64_t interval_ms = config_.validity_time_ms / looks_in_validity;
  next_look_ms_ = now_ms + interval_ms / 2;
  const auto was_seen = [&](std::int64_t seen_ms) { return now_ms - seen_ms < interval_ms; };
  // One server forgets all or nothing, and its answers to reports show it, too.
  const bool one_server = config_.mode != broker::RedisMode::cluster;
  if (one_server && std::any_of(seen_ms_.begin(), seen_ms_.end(), was_seen)) return;
  bool asked = false;
  for (std::size_t shard = 0; shard < keys::shards; ++shard) {
    if (epochs_[shard].empty()) continue;  // nothing was told there
    if (one_server && std::exchange(asked, true)) return;
    if (was_seen(seen_ms_[shard])) continue;
    redis::Command command;
    command.arguments = {"HMGET", keys::witness(shard), "run", "until"};
    command.routing_key = command.arguments[1];
    client_.call(std::move(command),
                 [self = std::weak_ptr(self_), shard](const Result<redis::Answer>& answer) {
                   const auto ledger = self.lock();
                   if (!ledger || !answer || !answer.value().reply.has_items(2)) return;
                   const auto& items = answer.value().reply.items;
                   (*ledger)->see_epoch(shard, items[0].text + " " + items[1].text);
                 });
  }
}

void RedisLedger::tell_exhausted(const broker::AccountKey& account) {
  publish(client_, channels::exhausted, account_message(account));
}

void RedisLedger::recall(const broker::AccountKey& account) {
  publish(client_, channels::recall, account_message(account));
  if (config_.lost_grant == broker::LostGrant::refund) refund_lost(account);
}

void RedisLedger::refund_lost(const broker::AccountKey& account) {
  // Silent for so long that whatever it was granted has ended.
  Registry::ask_gone(client_, config_.validity_time_ms * 11 / 10,
                     [self = std::weak_ptr(self_), account](std::vector<std::string> gone) {
                       const auto ledger = self.lock();
                       if (!ledger || gone.empty()) return;
                       (*ledger)->client_.eval(ledger_scripts::refund(), {keys::account(account)},
                                               std::move(gone), [](const auto&) {});
                     });
}

}  // namespace plugin
