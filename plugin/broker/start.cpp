// Start and stop of the broker (broker.h).
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "api/usable_config.h"
#include "background_thread.h"
#include "broker/broker.h"
#include "broker/recovery.h"
#include "records/recorded.h"

namespace plugin {

namespace {

constexpr int tick_ms = 100;

std::uint64_t random_incarnation() {
  std::uint64_t id = 0;
  while (id == 0)
    if (::getrandom(&id, sizeof id, 0) != sizeof id) id = 0;
  return id;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

/// What is compared with later ones. Secrets that are replaced are not to live on in it.
broker::Config settings_of_start(const broker::Config& config) {
  broker::Config settings = config;
  settings.secrets.clear();
  settings.http.admin_tokens.clear();
  settings.http.metrics_tokens.clear();
  settings.csps.clear();
  return settings;
}

template <typename Error>
broker::Error with_name(const char* what, const Error& error) {
  return broker::Error{std::string(what) + ": " + error.message};
}

}  // namespace

Broker::~Broker() {
  if (thread_.joinable()) stop();
}

broker::Status Broker::load(const std::string& config_file) {
  if (config_file.empty())
    return broker::Error{"no configuration file is named (--plugin-config=FILE)"};
  auto loaded = load_usable_config(config_file);
  if (!loaded) return loaded.error();
  config_file_ = config_file;
  config_ = std::make_shared<const broker::Config>(std::move(loaded).value());
  config_loaded_s_ = now_s();
  return broker::Nothing{};
}

broker::Status Broker::start() {
  if (auto status = prepare(); !status) {
    leave_nothing();
    return status.error();
  }
  host_.info("relay {}: {} CSPs from {}, state in {}", config_->relay.id, config_->csps.size(),
             config_file_, config_->state_dir);

  thread_ = background_thread([this] { run(); });
  return broker::Nothing{};
}

broker::Status Broker::prepare() {
  started_s_ = now_s();
  started_config_ = std::make_shared<const broker::Config>(settings_of_start(*config_));
  for (auto step :
       {&Broker::open_state, &Broker::settle_earlier, &Broker::make_table, &Broker::make_events})
    if (auto status = (this->*step)(); !status) return status.error();
  tell_remarks(*config_);
  follow_geo(*config_);
  apply(config_);
  tell_fleet();
  if (auto status = start_api(); !status) return status.error();
  watch_files();
  return broker::Nothing{};
}

/// A start that failed has relayed nothing: the next one has nothing to settle.
void Broker::leave_nothing() {
  control_.reset();
  if (settler_ == nullptr) return;
  if (auto status = end_incarnation(); !status)
    host_.error("ledger: {}; the next start settles what is open", status.error().message);
  else
    ::unlink(state_dir_->meter_table().c_str());
}

/// From now on a ledger that forgets it can be told again.
broker::Status Broker::remember_life(const broker::Incarnation& who,
                                     const std::vector<broker::UsageReport>& last_reports) {
  if (!ended_lives_) return broker::Nothing{};
  auto status = ended_lives_->remember(who, last_reports, now_s());
  if (const auto dropped = ended_lives_->dropped(); dropped != 0)
    host_.warning("{} reports of ended incarnations are no longer kept for a Redis that forgets",
                  dropped);
  return status;
}

/// One of which nothing is left here.
broker::Status Broker::end_lost(const broker::Incarnation& who) {
  const auto* known = ended_lives_ ? ended_lives_->find(who) : nullptr;
  // It had ended, and the ledger has forgotten that.
  if (known != nullptr) return store_->end(who, known->reports);
  // It may have used all that it was granted; it may even be alive elsewhere, cut off from the ledger. Only who
  // wants grants of lost relays back takes the last report for all there was.
  const auto& redis = config_->store.redis;
  const bool refunds = redis && redis->lost_grant == broker::LostGrant::refund;
  host_.warning("incarnation {:016x} left no meter table: {}", who.id,
                refunds ? "its last report counts" : "all that it was granted counts as used");
  return refunds ? store_->end(who, {}) : store_->write_off(who);
}

broker::Status Broker::end_incarnation() {
  if (registry_ != nullptr) registry_->leave(settler_->incarnation().relay_id);
  // What is answered meanwhile changes nothing any more.
  settler_->on_answer([] {});
  keeper_.reset();
  lives_teller_.reset();
  const auto reports = settler_->last_reports();
  if (auto status = store_->end(settler_->incarnation(), reports); !status) return status;
  return remember_life(settler_->incarnation(), reports);
}

broker::Status Broker::open_state() {
  auto directory = StateDir::open(config_->state_dir);
  if (!directory) return directory.error();
  state_dir_ = std::make_unique<StateDir>(std::move(directory).value());

  base_.reset(::event_base_new());
  if (base_ == nullptr) return broker::Error{"cannot make an event base"};
  if (auto status = open_ledger(); !status) return status.error();
  if (redis_ != nullptr) {
    auto lives = EndedLives::open(state_dir_->resolve("ended_lives.json"));
    if (!lives) return lives.error();
    ended_lives_ = std::move(lives).value();
  }

  RecordWriterOptions options;
  options.path = state_dir_->resolve(config_->records.path);
  options.rotate_octets = config_->records.rotate_size.count;
  options.keep = config_->records.keep;
  records_ = std::make_unique<RecordWriter>(std::move(options));
  if (auto status = records_->open(); !status) return status.error();
  if (redis_ != nullptr && config_->store.redis->records_max != 0)
    record_stream_ = std::make_unique<RecordStream>(*redis_, host_, clock_,
                                                    state_dir_->resolve(config_->records.path),
                                                    config_->store.redis->records_max);

  auto webhooks = Webhooks::start(host_, clock_, state_dir_->resolve("webhooks.sqlite3"), config_);
  if (!webhooks) return with_name("webhooks", webhooks.error());
  webhooks_ = std::move(webhooks).value();
  tell(*webhooks_);
  return broker::Nothing{};
}

broker::Status Broker::settle_earlier() {
  const std::string path = state_dir_->meter_table();
  if (::access(path.c_str(), F_OK) != 0) return broker::Nothing{};
  auto table = MeterTable::open(path);
  if (!table) {
    // It cannot be settled, but it is evidence: keep it, and go on from what the ledger heard last.
    const std::string kept = path + ".unreadable-" + std::to_string(now_s());
    host_.error("meter table: {}; kept as {}, all that was granted counts as used",
                table.error().message, kept);
    if (std::rename(path.c_str(), kept.c_str()) != 0) return broker::Error{"cannot rename " + path};
    return broker::Nothing{};
  }
  const auto now = std::chrono::steady_clock::now();
  const auto recorded =
      recorded_allocations(state_dir_->resolve(config_->records.path),
                           fmt::format("{:016x}", table.value().header().incarnation));
  auto recovered = recover(
      table.value(), boot_id(), *store_,
      [&](const UsageRecord& record) {
        if (recorded.contains(record.allocation)) return;
        if (auto status = records_->append(record, now); !status)
          host_.error("{}", status.error().message);
      },
      [&] { return records_->finish(); });
  if (!recovered)
    return broker::Error{"cannot settle the earlier run from " + path + ": " +
                         recovered.error().message};
  if (auto status = remember_life({table.value().header().relay_id, recovered.value().incarnation},
                                  recovered.value().reports);
      !status)
    return status;
  host_.warning(
      "the earlier run did not end properly: settled {} octets, {} allocations were cut off",
      recovered.value().octets, recovered.value().records);
  if (::unlink(path.c_str()) != 0) return broker::Error{"cannot remove " + path};
  return broker::Nothing{};
}

broker::Status Broker::make_table() {
  const auto& config = *config_;
  if (auto status = claim_id(fmt::format("{:016x}", random_incarnation())); !status)
    return with_name("ledger", status.error());
  auto open = store_->open_incarnations(config.relay.id);
  if (!open) return with_name("ledger", open.error());
  if (auto status = refuse_twin(open.value()); !status) return with_name("ledger", status.error());
  for (const auto& incarnation : open.value())
    if (auto status = end_lost(incarnation); !status) return with_name("ledger", status.error());

  const broker::Incarnation incarnation{config.relay.id, random_incarnation()};
  if (auto known = store_->exchange(incarnation, {}); !known)
    return with_name("ledger", known.error());
  auto table = MeterTable::create(state_dir_->meter_table(),
                                  {config.limits.accounts_max, config.limits.allocations_max},
                                  incarnation.id, config.relay.id, boot_id());
  if (!table) return with_name("meter table", table.error());
  table_ = std::make_unique<MeterTable>(std::move(table).value());
  table_->header().alive_ms.store(clock_.unix_ms());
  index_ = std::make_unique<AccountIndex>(config.limits.accounts_max);
  book_ = std::make_unique<AccountBook>(*table_, *index_);
  settler_ = std::make_unique<Settler>(host_, clock_, *table_, *book_, *link_, incarnation);
  settler_->on_answer([this] { on_answer(); });
  settler_->measure(exchanges_);
  // Relay threads that do not know yet that a period is over may have asked for its account until then.
  const auto is_published = [this](const Account& account) {
    return emptied_at_ >= account.unpublished;
  };
  idle_ = std::make_unique<IdleAccounts>(
      clock_, *book_, *settler_, IdleAccounts::Waits{},
      IdleAccounts::Hooks{.fold = [this] { fold_closed(); }, .is_published = is_published});
  if (ended_lives_) {
    // It may have been emptied while this relay was away.
    lives_teller_ = std::make_unique<LivesTeller>(*ended_lives_, *link_);
    lives_teller_->tell_all();
  }
  if (places_link_ != nullptr) {
    keeper_ = std::make_unique<PlacesKeeper>(clock_, *table_, places_, *places_link_, incarnation);
    keeper_->on_answer([this] { on_answer(); });
  }
  if (redis_ != nullptr) {
    usage_teller_ = std::make_unique<UsageTeller>(
        config.relay.id, fmt::format("{:016x}", incarnation.id),
        // A server of a cluster does not know of subscribers at others.
        [this, alone = config.store.redis->mode != broker::RedisMode::cluster](
            const auto& channel, const auto& message, Heard heard) {
          if (!alone) heard = [](auto) {};
          plugin::publish(*redis_, channel, message, std::move(heard));
        });
    tell(*usage_teller_);
  }
  announcer_ = std::make_unique<Announcer>(clock_, *index_, *book_, *settler_, sinks_);
  relay_side_ = std::make_unique<RelaySide>(host_, *table_, *index_, snapshots_, inbox_, clock_);

  auto revocations = store_->revocations(now_s());
  if (!revocations) return with_name("ledger", revocations.error());
  known_revocations_ = std::move(revocations).value();
  take_revocations();
  return broker::Nothing{};
}

broker::Status Broker::make_events() {
  const auto make = [&](int fd, short what, event_callback_fn callback) {
    return http::EventHandle(::event_new(base_.get(), fd, what, callback, this));
  };
  wake_event_ = make(inbox_.descriptor(), EV_READ | EV_PERSIST,
                     [](int, short, void* self) { static_cast<Broker*>(self)->on_wake(); });
  tick_event_ =
      make(-1, EV_PERSIST, [](int, short, void* self) { static_cast<Broker*>(self)->on_tick(); });
  const timeval interval{0, tick_ms * 1000};
  ::event_add(wake_event_.get(), nullptr);
  ::event_add(tick_event_.get(), &interval);
  watch_event_ =
      make(-1, 0, [](int, short, void* self) { static_cast<Broker*>(self)->on_watch(); });
  on_watch();

  auto control =
      ControlServer::start(base_.get(), *this, state_dir_->resolve(config_->control_socket));
  if (!control) return control.error();
  control_ = std::move(control).value();
  return broker::Nothing{};
}

broker::Status Broker::start_api() {
  if (config_->http.listen.empty() && config_->http.listen_tls.empty()) return broker::Nothing{};
  api_ = std::make_unique<ApiServer>(host_, clock_, board_, *this, fleet_);
  if (auto status = api_->start(config_); !status) return with_name("HTTP API", status.error());
  tell(api_->events());
  host_.info("HTTP API on {}", fmt::join(api_->urls(), ", "));
  return broker::Nothing{};
}

void Broker::run() {
  ::event_base_loop(base_.get(), EVLOOP_NO_EXIT_ON_EMPTY);
  try {
    finish();
  } catch (const std::exception& error) {
    host_.error("stopping: {}; the next start settles what is open", error.what());
  }
}

void Broker::stop() {
  if (api_ != nullptr) api_->stop();
  desk_.close();
  stop_asked_.store(true);
  inbox_.wake();
  if (thread_.joinable()) thread_.join();
  if (webhooks_ != nullptr) webhooks_->stop();
  close_ledger();
  state_dir_.reset();  // another relay may have it now
}

void Broker::finish() {
  walks_.clear();
  control_.reset();
  for (auto* event : {&wake_event_, &tick_event_, &watch_event_}) event->reset();
  announcer_->look();
  fold_closed();
  if (auto status = records_->finish(); !status) host_.error("{}", status.error().message);
  finish_telling();
  for (const AllocationSlot& slot : table_->allocations())
    if (slot.state.load() == SlotState::live) {
      host_.warning("allocations are still open: the next start settles them");
      return;
    }
  if (auto status = end_incarnation(); !status) {
    host_.error("ledger: {}; the next start settles what is open", status.error().message);
    return;
  }
  if (settler_->is_over()) {
    settler_->collect();
    host_.error(
        "stopped; {} octets were relayed after the last report that the ledger took: they are in "
        "the usage "
        "records, and paid for by what was granted, which all counts as used",
        settler_->untold_octets());
    ::unlink(state_dir_->meter_table().c_str());
    return;
  }
  ::unlink(state_dir_->meter_table().c_str());
  host_.info("stopped, everything is settled");
}

bool Broker::post(std::function<void(Control&)> work) {
  if (!desk_.push(std::move(work))) return false;
  inbox_.wake();
  return true;
}

void Broker::request_reload() {
  reload_asked_.store(true);
  inbox_.wake();
}

}  // namespace plugin
