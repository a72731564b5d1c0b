#include "simulation/link.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace simulation {

using broker::Error;
using broker::Grant;
using broker::Incarnation;
using broker::Nothing;
using broker::PlacesAnswer;
using broker::PlacesLink;
using broker::PlacesReport;
using broker::UsageReport;

namespace {

const Error not_asked{"not asked through the link"};

}  // namespace

/// One exchange, of usage or of places, which is a call to each shard.
struct Link::Job {
  Incarnation who;
  std::vector<UsageReport> reports;
  LedgerLink::Done<std::vector<Grant>> done;
  std::vector<Grant> grants;
  std::vector<PlacesReport> places;
  PlacesLink::Done places_done;
  std::vector<PlacesAnswer> answers;
  std::optional<Error> error;
  std::size_t open = 0;
  std::uint64_t told = 0;  ///< World::moment()
};

Link::Link(World& world, Store& store, const plugin::Clock& clock, Handlers handlers, Fault fault)
    : world_(world),
      store_(store),
      clock_(clock),
      handlers_(std::move(handlers)),
      fault_(fault),
      connected_(store.is_up()),
      run_(store.run()),
      last_run_(store.run()),
      ready_ms_(clock.steady_ms()),
      last_contact_ms_(clock.steady_ms()) {}

std::int64_t Link::valid_until_ms() const {
  if (fault_ == Fault::validity_never_ends || fault_ == Fault::places_never_lapse) return INT64_MAX;
  return last_contact_ms_ + validity_ms;
}

void Link::exchange(const Incarnation& who, std::vector<UsageReport> reports,
                    LedgerLink::Done<std::vector<Grant>> done) {
  std::array<std::vector<std::size_t>, Store::shards> by_shard;
  for (std::size_t i = 0; i < reports.size(); ++i)
    by_shard[Store::shard_of(reports[i].account.media)].push_back(i);
  auto job = std::make_shared<Job>();
  job->who = who;
  job->grants.resize(reports.size());
  job->reports = std::move(reports);
  job->done = std::move(done);
  begin(job, std::move(by_shard));
}

void Link::exchange_places(const Incarnation& who, std::vector<PlacesReport> reports,
                           PlacesLink::Done done) {
  std::array<std::vector<std::size_t>, Store::shards> by_shard;
  for (std::size_t i = 0; i < reports.size(); ++i)
    by_shard[Store::shard_of(reports[i].key.media)].push_back(i);
  auto job = std::make_shared<Job>();
  job->who = who;
  job->answers.resize(reports.size());
  job->places = std::move(reports);
  job->places_done = std::move(done);
  begin(job, std::move(by_shard));
}

void Link::begin(const std::shared_ptr<Job>& job,
                 std::array<std::vector<std::size_t>, Store::shards> by_shard) {
  job->told = world_.moment();
  for (const auto& at : by_shard) job->open += at.empty() ? 0 : 1;
  for (std::size_t shard = 0; shard < by_shard.size(); ++shard) {
    if (by_shard[shard].empty()) continue;
    auto call = std::make_shared<Call>();
    call->job = job;
    call->shard = shard;
    call->at = std::move(by_shard[shard]);
    call->give_up_ms = clock_.steady_ms() + timeout_ms;
    if (connected_)
      send(call);
    else
      waiting_.push_back(call);
  }
}

void Link::send(const CallPointer& call) {
  call->id = ++calls_;
  call->sent_ms = clock_.steady_ms();
  unanswered_.push_back(call);
  world_.in(delay_ms(), arrival(call, connection_, run_, false));
  if (call->job != nullptr && world_.chance(50))
    world_.in(world_.between(0, 3'000), arrival(call, connection_, run_, true));
}

std::function<void()> Link::arrival(const CallPointer& call, std::uint64_t connection,
                                    std::uint64_t run, bool copy) {
  return
      [&world = world_, &store = store_, self = std::weak_ptr(self_), call, connection, run, copy] {
        if (const auto link = self.lock()) return (*link)->arrive(connection, run, call, copy);
        // The relay is gone; what the kernel had of it goes out all the same.
        if (world.chance(2) && store.run() == run && store.is_up()) [[maybe_unused]]
          const auto unheard = deliver(store, *call);
      };
}

broker::Result<Store::Answer> Link::deliver(Store& store, const Call& call) {
  if (call.looks) return Store::Answer{{}, {}, store.witness(call.shard)};
  if (call.job == nullptr) return Store::Answer{};
  if (call.job->places_done != nullptr) {
    std::vector<PlacesReport> reports;
    for (const std::size_t i : call.at) reports.push_back(call.job->places[i]);
    return store.exchange_places(call.shard, call.job->who, std::move(reports));
  }
  std::vector<UsageReport> reports;
  for (const std::size_t i : call.at) reports.push_back(call.job->reports[i]);
  return store.exchange(call.shard, call.job->who, std::move(reports));
}

void Link::arrive(std::uint64_t connection, std::uint64_t run, const CallPointer& call, bool copy) {
  // Another server has none of what the one before was sent.
  if (store_.run() != run || !store_.is_up()) return;
  const bool over = connection != connection_ || !connected_;
  if (!reachable_ || (over && !copy)) {
    // Sent again by the network, which gives up at some time.
    if (!over || world_.chance(2))
      world_.in(world_.between(50, over ? 2'000 : 200),
                arrival(call, connection, run, copy || over));
    return;
  }
  const auto result = deliver(store_, *call);
  if (copy) return;
  world_.in(delay_ms(), [self = std::weak_ptr(self_), connection, call, result] {
    if (const auto link = self.lock()) (*link)->answer(connection, call, result);
  });
}

void Link::answer(std::uint64_t connection, const CallPointer& call,
                  const broker::Result<Store::Answer>& result) {
  if (connection != connection_ || !connected_) return;
  if (!reachable_) {
    world_.in(world_.between(50, 200), [self = std::weak_ptr(self_), connection, call, result] {
      if (const auto link = self.lock()) (*link)->answer(connection, call, result);
    });
    return;
  }
  last_contact_ms_ = std::max(last_contact_ms_, call->sent_ms);
  unanswered_.remove(call);
  take(call, result);
}

void Link::take(const CallPointer& call, const broker::Result<Store::Answer>& result) {
  if (call->looks && result) see_epoch(call->shard, result.value().epoch);
  const auto job = call->job;
  if (job == nullptr) return;
  if (!result) {
    job->error = result.error();
  } else {
    const Store::Answer& answer = result.value();
    for (std::size_t i = 0; i < answer.grants.size(); ++i)
      job->grants[call->at[i]] = answer.grants[i];
    for (std::size_t i = 0; i < answer.places.size(); ++i)
      job->answers[call->at[i]] = answer.places[i];
    see_epoch(call->shard, result.value().epoch);
  }
  if (--job->open != 0) return;
  if (job->places_done != nullptr) {
    if (job->error) return job->places_done(*job->error);
    return job->places_done(std::move(job->answers));
  }
  if (job->error) return job->done(*job->error);
  if (fault_ == Fault::grants_taken_twice)
    for (std::size_t i = 0; i < job->grants.size(); ++i)
      job->grants[i].granted_octets +=
          broker::saturating_sub(job->grants[i].granted_octets, job->reports[i].granted_octets);
  handlers_.answered(job->reports, job->told);
  job->done(std::move(job->grants));
}

void Link::see_epoch(std::size_t shard, const std::string& epoch) {
  const std::string known = std::exchange(epochs_[shard], epoch);
  if (!known.empty() && known != epoch) handlers_.tell_again();
}

// One server forgets all or nothing: the witness of one shard tells.
void Link::look_for_loss() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_look_ms_ || fault_ == Fault::nobody_looks) return;
  next_look_ms_ = now_ms + validity_ms / 5;
  for (std::size_t shard = 0; shard < Store::shards; ++shard) {
    if (epochs_[shard].empty() || !connected_) continue;
    auto call = std::make_shared<Call>();
    call->shard = shard;
    call->looks = true;
    return send(call);
  }
}

void Link::fail(const CallPointer& call, const std::string& why) {
  take(call, broker::Result<Store::Answer>(Error{why}));
}

void Link::lose_connection() {
  if (!connected_ && !greeting_) return;
  connected_ = greeting_ = false;
  ++connection_;
  connect_at_ms_ = clock_.steady_ms() + world_.between(50, 500);
  for (const auto& call : std::exchange(unanswered_, {})) fail(call, "the connection was lost");
}

void Link::greet() {
  connect_at_ms_ = INT64_MAX;
  greeting_ = true;
  const std::int64_t sent_ms = clock_.steady_ms();
  const std::uint64_t connection = ++connection_;
  const std::uint64_t run = store_.run();
  world_.in(delay_ms() + delay_ms(), [self = std::weak_ptr(self_), sent_ms, connection, run] {
    const auto held = self.lock();
    if (held == nullptr) return;
    Link& link = **held;
    if (connection != link.connection_ || !link.greeting_) return;
    if (!link.reaches_store() || run != link.store_.run()) return link.lose_connection();
    link.greeting_ = false;
    link.connected_ = true;
    link.run_ = run;
    link.ready_ms_ = link.clock_.steady_ms();
    link.last_contact_ms_ = std::max(link.last_contact_ms_, sent_ms);
    if (std::exchange(link.last_run_, run) != run) link.handlers_.tell_again();
    for (const auto& call : std::exchange(link.waiting_, {})) link.send(call);
  });
}

void Link::tick() {
  const std::int64_t now_ms = clock_.steady_ms();
  if (connected_ && (store_.run() != run_ || !store_.is_up())) lose_connection();
  if (connected_ && !unanswered_.empty() && now_ms - unanswered_.front()->sent_ms > timeout_ms)
    lose_connection();
  if (connected_ && unanswered_.empty() &&
      now_ms - std::max(last_contact_ms_, ready_ms_) >= validity_ms / 5)
    send(std::make_shared<Call>());
  if (!connected_ && !greeting_ && now_ms >= connect_at_ms_ && reaches_store()) greet();
  for (const auto& call : std::exchange(waiting_, {})) {
    if (now_ms >= call->give_up_ms)
      fail(call, "no server took the command");
    else
      waiting_.push_back(call);
  }
}

void Link::end(const Incarnation&, std::vector<UsageReport>, LedgerLink::Done<Nothing> done) {
  done(not_asked);
}
void Link::write_off(const Incarnation&, LedgerLink::Done<Nothing> done) { done(not_asked); }
void Link::open_incarnations(const std::string&, LedgerLink::Done<std::vector<Incarnation>> done) {
  done(not_asked);
}
void Link::usage(broker::UnixSeconds, LedgerLink::Done<std::vector<broker::AccountUsage>> done) {
  done(not_asked);
}
void Link::revoke(const std::string&, broker::UnixSeconds, broker::UnixSeconds,
                  LedgerLink::Done<Nothing> done) {
  done(not_asked);
}
void Link::revocations(broker::UnixSeconds,
                       LedgerLink::Done<std::vector<broker::LedgerStore::Revocation>> done) {
  done(not_asked);
}

}  // namespace simulation
