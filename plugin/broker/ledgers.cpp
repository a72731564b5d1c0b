// Which ledger the broker asks, and what only a ledger of a fleet needs (broker.h).
#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "broker/cutter.h"
#include "ledger/ledger_keys.h"
#include "ledger/local_ledger.h"
#include "ledger/redis_books.h"
#include "ledger/redis_ledger.h"
#include "ledger/redis_places.h"
#include "ledger/waiting_ledger.h"
#include "sqlite/sqlite_books.h"
#include "sqlite/sqlite_ledger.h"

namespace plugin {

namespace {

/// At start and stop the broker has nothing to do before the ledger's answer.
constexpr std::int64_t wait_ms = 10'000;

/// A store that forgot its grants waits for all relays to tell theirs, and one that had lost sight of it may
/// find it back in the midst of an attempt to connect, then pause, then have to repeat its report: all
/// that has to fit the validity time.
constexpr std::int64_t attempts_in_validity = 3;
constexpr std::int64_t pauses_in_validity = 5;
constexpr std::int64_t pings_in_validity = 5;

broker::RedisConfig in_time(broker::RedisConfig config) {
  const std::int64_t longest_ms = config.validity_time_ms / attempts_in_validity;
  config.timeout_ms = std::min(config.timeout_ms, longest_ms);
  config.connect_timeout_ms = std::min(config.connect_timeout_ms, longest_ms);
  return config;
}

}  // namespace

broker::Status Broker::open_ledger() {
  if (!config_->store.redis) {
    const std::string path = state_dir_->resolve(config_->store.path);
    auto ledger = SqliteLedger::open(path);
    if (!ledger) return ledger.error();
    ledger_books_ = std::make_unique<SqliteBooks>(path);
    store_ = std::move(ledger).value();
    link_ = std::make_unique<LocalLedger>(*store_);
    return broker::Nothing{};
  }
  const auto config = in_time(*config_->store.redis);
  if (config.mode == broker::RedisMode::sentinel && config.replicas == 0)
    host_.warning(
        "[broker.store] replicas is 0: a master that is cut off could grant what its successor "
        "grants again; set it to 1");
  redis::Tuning tuning;
  // A few answers may fail to come in time before grants end for want of one.
  tuning.ping_interval_ms = config.validity_time_ms / pings_in_validity;
  tuning.backoff_max_ms =
      std::min(tuning.backoff_max_ms, config.validity_time_ms / pauses_in_validity);
  auto client = redis::Client::start(base_.get(), config, clock_, host_, tuning);
  if (!client) return broker::Error{"ledger: " + client.error().message};
  redis_ = std::move(client).value();
  ledger_books_ = std::make_unique<RedisBooks>(*redis_);
  auto ledger = std::make_unique<RedisLedger>(*redis_, config, clock_);
  auto places = std::make_unique<RedisPlaces>(*redis_, config);
  const auto tell_again = [this] {
    if (settler_ != nullptr) settler_->report_all();
    if (keeper_ != nullptr) keeper_->report_all();
    if (lives_teller_ != nullptr) lives_teller_->tell_all();
  };
  ledger->on_forgotten(tell_again);
  places->on_forgotten(tell_again);
  places_link_ = std::move(places);
  store_ = std::make_unique<WaitingLedger>(base_.get(), *ledger, wait_ms);
  redis_->on_server([tell_again, last = std::string()](const redis::Server& server) mutable {
    if (std::exchange(last, server.run_id) != server.run_id) tell_again();
  });
  bus_ = std::make_unique<FleetBus>(*redis_, host_, clock_);
  bus_->on_recall([this](const broker::AccountKey& account) { on_recall(account); });
  bus_->on_recall_places([this](const broker::AccountKey& account) {
    if (keeper_ != nullptr) keeper_->give_back({account.csp, account.media});
  });
  bus_->on_exhausted([this](const broker::AccountKey& account) { on_exhausted(account); });
  registry_ = std::make_unique<Registry>(*redis_, host_, clock_);
  registry_->on_roster([this, ledger = ledger.get()](std::vector<broker::RelayStatus> relays) {
    ledger->note_relays(relays.size());
    fleet_.update(std::move(relays));
  });
  bus_->on_control([this](const FleetCommand& command) { on_control(command); });
  link_ = std::move(ledger);
  revocation_reader_ = std::make_unique<RevocationReader>(
      *link_, clock_,
      [this](std::vector<Revocation> list, bool all) { take_list(std::move(list), all); },
      [this](const broker::Status& status) {
        if (status)
          revocations_read_.works();
        else
          revocations_read_.fails(status.error().message,
                                  !redis_->reaches(ledger_keys::revoked_until()));
      });
  return await_ledger();
}

/// Commands give up soon; a server that restarts, loads its file or fails over is worth a longer wait
/// before the start is refused.
broker::Status Broker::await_ledger() {
  const std::int64_t deadline_ms = clock_.steady_ms() + wait_ms;
  for (;;) {
    const auto answer = store_->open_incarnations(config_->relay.id);
    if (answer) return broker::Nothing{};
    if (clock_.steady_ms() >= deadline_ms)
      return broker::Error{"ledger: " + answer.error().message + "; no better within " +
                           std::to_string(wait_ms / 1'000) + " s"};
    // The client's ticker ends the pause, at most a tenth of a second.
    ::event_base_loop(base_.get(), EVLOOP_ONCE);
  }
}

void Broker::close_ledger() {
  walks_.clear();
  usage_teller_.reset();
  record_stream_.reset();
  bus_.reset();
  registry_.reset();
  redis_.reset();
  revocation_reader_.reset();
  // What libevent puts off until its loop runs again.
  if (base_ != nullptr) ::event_base_loop(base_.get(), EVLOOP_NONBLOCK);
}

void Broker::on_recall(const broker::AccountKey& key) {
  if (book_ == nullptr) return;
  if (Account* account = book_->find(key); account != nullptr) settler_->give_back(*account);
}

void Broker::on_exhausted(const broker::AccountKey& key) {
  if (book_ == nullptr) return;
  Account* account = book_->find(key);
  if (account == nullptr) return;
  account->exhausted_heard_ms = clock_.steady_ms();
  if (account->stage.load() == Stage::open) settler_->exchange({account}, Settler::Ask::nothing);
}

void Broker::on_control(const FleetCommand& command) {
  if (settler_ == nullptr) return;
  switch (command.what) {
    case FleetCommand::What::cut: {
      const auto count = cut({command.allocation, command.csp, command.client});
      if (count && count.value() != 0)
        host_.info("the fleet's control channel ended {} allocations", count.value());
      return;
    }
    case FleetCommand::What::revoked: revocation_reader_->hear(); return;
    case FleetCommand::What::reload: request_reload(); return;
  }
}

void Broker::save_revocations() {
  if (redis_ == nullptr) return;
  // An answer that comes at once changes the list.
  std::vector<Revocation> waiting;
  for (Unsaved& entry : unsaved_revocations_)
    if (!std::exchange(entry.on_its_way, true)) waiting.push_back(entry.revocation);
  for (const Revocation& entry : waiting)
    link_->revoke(entry.what, entry.revoked_at_s, entry.forget_after_s,
                  [this, entry](const broker::Status& status) { take_saved(entry, status); });
}

void Broker::take_saved(const Revocation& revocation, const broker::Status& status) {
  const auto found =
      std::find_if(unsaved_revocations_.begin(), unsaved_revocations_.end(),
                   [&](const Unsaved& entry) { return entry.revocation == revocation; });
  if (found == unsaved_revocations_.end()) return;
  found->on_its_way = false;
  if (!status) return;
  unsaved_revocations_.erase(found);
  known_revocations_.push_back(revocation);
  bus_->tell_revoked();
}

std::vector<FleetPart> Broker::fleet_parts() const {
  if (redis_ == nullptr) return {};
  return {{"subscriptions", redis_->subscription_problem()},
          {"heartbeat", registry_->heartbeat_problem()},
          {"roster", registry_->roster_problem()},
          {"revocations", revocations_read_.text()}};
}

void Broker::take_list(std::vector<Revocation> list, bool all) {
  if (!all) {
    // Of two of the same the one that was just read.
    list.insert(list.end(), known_revocations_.begin(), known_revocations_.end());
    std::ranges::stable_sort(list, {}, &Revocation::what);
    const auto same = [](const Revocation& a, const Revocation& b) { return a.what == b.what; };
    list.erase(std::unique(list.begin(), list.end(), same), list.end());
  }
  if (list == known_revocations_) return;
  known_revocations_ = std::move(list);
  take_revocations();
  publish();
  cut_revoked();
}

}  // namespace plugin
