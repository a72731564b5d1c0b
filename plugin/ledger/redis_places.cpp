#include "ledger/redis_places.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "broker/names.h"
#include "fleet/fleet_messages.h"
#include "fleet/publish.h"
#include "ledger/ledger_scripts.h"

namespace plugin {

namespace keys = ledger_keys;
using broker::Error;
using broker::HolderMark;
using broker::Incarnation;
using broker::PlacesAnswer;
using broker::PlacesReport;
using broker::Result;
using broker::Status;

namespace {

/// Reports in one script, so that no call holds the server for long.
constexpr std::size_t reports_max = 128;
constexpr std::size_t answer_items = 4;

std::string text_of(const std::vector<HolderMark>& marks) {
  std::string text;
  for (const HolderMark& mark : marks)
    text +=
        (text.empty() ? "" : " ") + keys::name_of(mark.who) + " " + std::to_string(mark.sequence);
  return text;
}

/// Those that are no marks are passed over: such a holder keeps what it has.
std::vector<HolderMark> marks_in(const std::string& text) {
  std::vector<HolderMark> marks;
  std::istringstream words(text);
  std::string name;
  std::string number;
  while (words >> name >> number) {
    std::uint64_t sequence = 0;
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, sequence);
    if (auto who = keys::incarnation_of(name); who && error == std::errc{} && stop == end)
      marks.push_back({std::move(*who), sequence});
  }
  return marks;
}

std::optional<PlacesAnswer> answer_in(const redis::Reply& reply, std::size_t first, bool learning) {
  PlacesAnswer answer;
  std::size_t at = first;
  for (std::uint64_t* value : {&answer.held, &answer.held_by_others, &answer.holders}) {
    const auto& item = reply.items[at++];
    if (!item.is_integer() || item.integer < 0) return std::nullopt;
    *value = static_cast<std::uint64_t>(item.integer);
  }
  if (!reply.items[at].is_text()) return std::nullopt;
  answer.others = marks_in(reply.items[at].text);
  answer.learning = learning;
  return answer;
}

Status check_call(const Incarnation& incarnation, const std::vector<PlacesReport>& reports) {
  if (!broker::is_relay_id(incarnation.relay_id) || incarnation.id == 0)
    return Error{"\"" + broker::for_log(incarnation.relay_id) + "\" is not an incarnation"};
  for (const PlacesReport& report : reports)
    if (Status sound = broker::check_places(report); !sound) return sound;
  return broker::Nothing{};
}

}  // namespace

/// A call that may be several scripts: done when the last of them is.
struct RedisPlaces::Job {
  Incarnation incarnation;
  std::vector<PlacesReport> reports;
  Done done;
  std::vector<PlacesAnswer> answers;
  std::optional<Error> error;
  std::size_t open = 1;  ///< one more until all are sent

  void finish_one() {
    if (--open != 0) return;
    if (error)
      done(*error);
    else
      done(std::move(answers));
  }
};

RedisPlaces::RedisPlaces(redis::Client& client, const broker::RedisConfig& config)
    : client_(client), config_(config) {}

void RedisPlaces::exchange_places(const Incarnation& incarnation, std::vector<PlacesReport> reports,
                                  Done done) {
  if (Status sound = check_call(incarnation, reports); !sound) return done(sound.error());
  std::map<std::size_t, std::vector<std::size_t>> by_shard;
  for (std::size_t i = 0; i < reports.size(); ++i)
    by_shard[keys::shard_of(reports[i].key)].push_back(i);
  auto job = std::make_shared<Job>();
  job->incarnation = incarnation;
  job->answers.resize(reports.size());
  job->reports = std::move(reports);
  job->done = std::move(done);
  for (const auto& [shard, all] : by_shard)
    for (std::size_t first = 0; first < all.size(); first += reports_max) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count = std::min(reports_max, all.size() - first);
      send(job, shard, {from, from + static_cast<std::ptrdiff_t>(count)});
    }
  job->finish_one();
}

void RedisPlaces::send(const std::shared_ptr<Job>& job, std::size_t shard,
                       const std::vector<std::size_t>& at) {
  const Incarnation& who = job->incarnation;
  std::vector<std::string> names{keys::witness(shard), keys::open_incarnations(shard, who.relay_id),
                                 keys::ended_incarnations(shard, who.relay_id),
                                 keys::accounts_of(shard, who)};
  std::vector<std::string> arguments{"", std::to_string(config_.validity_time_ms),
                                     keys::name_of(who), std::to_string(broker::holders_told_max)};
  for (const std::size_t i : at) {
    const PlacesReport& report = job->reports[i];
    names.push_back(keys::places(report.key));
    for (const std::uint64_t value : {report.limit, report.kept, report.wanted, report.sequence})
      arguments.push_back(std::to_string(value));
    arguments.emplace_back(report.tell_holders ? "1" : "0");
    arguments.push_back(text_of(report.gone));
  }
  ++job->open;
  redis::EvalOptions options;
  options.run_id_argument = 0;
  options.replicas_wanted = config_.replicas;
  client_.eval(
      ledger_scripts::places(), std::move(names), std::move(arguments),
      [self = std::weak_ptr(self_), job, shard, at](const Result<redis::Answer>& answer) {
        if (const auto places = self.lock()) (*places)->take(*job, shard, at, answer);
      },
      options);
}

void RedisPlaces::take(Job& job, std::size_t shard, const std::vector<std::size_t>& at,
                       const Result<redis::Answer>& answer) {
  if (!answer) {
    job.error = answer.error();
    return job.finish_one();
  }
  const auto& reply = answer.value().reply;
  bool understood = reply.has_items(2 + at.size() * answer_items) && reply.items[0].is_integer() &&
                    reply.items[1].is_text();
  for (std::size_t i = 0; understood && i < at.size(); ++i) {
    auto found = answer_in(reply, 2 + i * answer_items, reply.items[0].integer > 0);
    understood = found.has_value();
    if (found) job.answers[at[i]] = std::move(*found);
  }
  if (!understood) job.error = Error{"the Redis ledger answered something else than places"};
  const std::string epoch = understood ? reply.items[1].text : "";
  job.finish_one();
  if (!understood) return;
  const std::string known = std::exchange(epochs_[shard], epoch);
  if (!known.empty() && known != epoch) tell_again_();
}

void RedisPlaces::recall_places(const broker::PlacesKey& key) {
  publish(client_, channels::recall_places, account_message({key.csp, key.media, 0, ""}));
}

}  // namespace plugin
