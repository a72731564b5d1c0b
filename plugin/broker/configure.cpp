// How a configuration becomes accounts and a snapshot (broker.h).
#include <algorithm>
#include <vector>

#include "broker/broker.h"
#include "broker/config_remarks.h"

namespace plugin {

namespace {

std::uint32_t charged_directions(broker::Charge charge) {
  switch (charge) {
    case broker::Charge::both: return 3;
    case broker::Charge::client_to_peer: return 1U << TURN_CLIENT_TO_PEER;
    case broker::Charge::peer_to_client: return 1U << TURN_PEER_TO_CLIENT;
  }
  return 3;
}

/// What an account may relay: the CSP's whole volume, or one client's part of it.
std::uint64_t limit_of(const broker::Quota& quota, bool client) {
  return client ? quota.per_client.value_or(quota.volume).count : quota.volume.count;
}

void take_settings(Account& account, const broker::Quota& quota) {
  account.charged_directions.store(charged_directions(quota.charge));
  account.rate_octets_per_s.store(
      quota.rate ? std::max<std::uint64_t>(quota.rate->bits_per_s / 8, 1) : 0);
}

}  // namespace

const broker::Quota* Broker::quota_of(const broker::AccountKey& key) const {
  const auto csp = config_->csps.find(key.csp);
  if (csp == config_->csps.end()) return nullptr;
  const auto quota = csp->second.quotas.find(key.media);
  return quota == csp->second.quotas.end() ? nullptr : &quota->second;
}

/// Clients of one CSP must not take the place of other CSPs' accounts, of which each has a successor when
/// its period ends, nor of all other CSPs' clients.
void Broker::share_client_room() {
  std::size_t quotas = 0;
  std::size_t with_clients = 0;
  for (const auto& [id, csp] : config_->csps)
    for (const auto& [media, quota] : csp.quotas) {
      ++quotas;
      if (quota.per_client) ++with_clients;
    }
  // More quotas than at the start may be too many for the table.
  const std::size_t rest = std::max<std::size_t>(table_->header().accounts_max, quotas) - quotas;
  book_->client_room().resize(rest - std::min(quotas, rest / 2), with_clients);
}

/// Whether there may be an account of a client that has none. Who was let in before in this period, or has calls that
/// go on from another, is no new name.
bool Broker::has_room(const broker::AccountKey& key, const broker::Quota& quota, bool goes_on) {
  const auto none = [&](const char* why) {
    relay_side_->client_log().warning("{}: no account for a client of {}/{}", why, key.csp,
                                      broker::to_string(key.media));
    return false;
  };
  if (!book_->client_room().has_any({key.csp, key.media}))
    return none("the meter table is full ([broker.limits] accounts_max)");
  if (!goes_on && book_->left(key) == nullptr && book_->names_beside(key) >= quota.clients_max)
    return none("as many client names as `clients` allows in a period");
  return true;
}

Account* Broker::account_for(const std::string& csp, broker::MediaType media,
                             const broker::Quota& quota, const std::string& client, bool goes_on) {
  const auto period = broker::period_at(quota.period, now_s());
  const broker::AccountKey key{csp, media, period.start_s, client};
  const std::uint64_t limit = limit_of(quota, !client.empty());
  if (Account* known = book_->find(key); known != nullptr) {
    if (known->stage.load() == Stage::over) settler_->correct_limit(*known, limit);
    return known;
  }
  if (!client.empty() && !has_room(key, quota, goes_on)) return nullptr;
  Account* account = book_->add(key, quota.period, period);
  if (account == nullptr) {
    relay_side_->client_log().warning(
        "the meter table is full ([broker.limits] accounts_max): no account for {}/{}{}", csp,
        broker::to_string(media), client.empty() ? "" : " of one client");
    return nullptr;
  }
  account->limit_octets.store(limit);
  account->limit_highest_octets = limit;
  table_->account(account->slot).limit_octets = limit;
  take_settings(*account, quota);
  if (client.empty()) {
    account->places = &places_.of({csp, media});
    limit_places(*account->places, quota);
  }
  return account;
}

void Broker::apply_quota(Account& account, const broker::Quota& quota) {
  take_settings(account, quota);
  if (account.places != nullptr) limit_places(*account.places, quota);
  if (account.stage.load() == Stage::closed) account.stage.store(Stage::last);
  const std::uint64_t limit = limit_of(quota, !account.key.client.empty());
  account.limit_highest_octets = std::max(account.limit_highest_octets, limit);
  if (limit != account.limit_octets.load())
    settler_->change_limit(account, limit);
  else if (account.stage.load() == Stage::last && account.refused_octets.load() == 0)
    settler_->exchange({&account}, Settler::Ask::at_least);
}

void Broker::apply(std::shared_ptr<const broker::Config> config) {
  config_ = std::move(config);
  share_client_room();
  bool cut = false;
  // Accounts that are there: a new limit, a new rate, or the end.
  std::vector<Account*> known;
  book_->for_each([&](Account& account) {
    if (account.stage.load() != Stage::over) known.push_back(&account);
  });
  for (Account* account : known) {
    const auto* quota = quota_of(account->key);
    if (quota == nullptr) {
      account->stage.store(Stage::closed, std::memory_order_release);
      settler_->take_back(*account);
      cut = true;
      continue;
    }
    if (quota->period != account->period_kind) {
      const auto period = broker::period_at(quota->period, now_s());
      if (period.start_s != account->key.period_start_s) {
        end_period(*account, account_for(account->key.csp, account->key.media, *quota,
                                         account->key.client, true));
        continue;
      }
      // Another kind of period that began at the same moment: the same account, with another end.
      account->period_kind = quota->period;
      account->period = period;
    }
    apply_quota(*account, *quota);
  }
  book_->find_bounds();
  // Accounts that are new: learn what is left of them.
  std::vector<Account*> fresh;
  for (const auto& [id, csp] : config_->csps)
    for (const auto& [media, quota] : csp.quotas) {
      Account* account = account_for(id, media, quota, "");
      if (account != nullptr && account->granted_octets == 0 && !account->ready.load())
        fresh.push_back(account);
    }
  settler_->exchange(fresh, Settler::Ask::nothing);
  if (keeper_ != nullptr) keeper_->serve();
  if (records_ != nullptr)
    records_->set_rotation(config_->records.rotate_size.count, config_->records.keep);
  webhooks_->configure(config_);
  announcer_->configure(config_->thresholds);
  publish();
  if (settler_->take_exhausted() || cut) cut_refusing();
  publish_standing();
  if (api_ != nullptr) api_->configure(config_);
}

void Broker::publish() {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->config = config_;
  snapshot->revocations = revocations_;
  snapshot->draining = drain_.active();
  for (const auto& [id, csp] : config_->csps)
    for (const auto& [media, quota] : csp.quotas)
      snapshot->accounts[id][static_cast<std::size_t>(media)] = account_for(id, media, quota, "");
  snapshots_.publish(std::move(snapshot));
}

void Broker::end_period(Account& account, Account* successor) {
  account.successor.store(successor, std::memory_order_release);
  account.unpublished = snapshots_.version() + 1;
  account.stage.store(Stage::over, std::memory_order_release);
  book_->note_active(account);  // until it is erased
  settler_->take_back(account);
}

void Broker::tell_remarks(const broker::Config& config) const {
  for (const auto& remark : remarks_on(config, real_config_files()))
    host_.warning("configuration: {}", remark);
}

broker::Status Broker::reload() {
  auto loaded = broker::load_config(config_file_, real_config_files());
  if (!loaded) {
    if (config_error_ != loaded.error().message)
      host_.error("configuration not reloaded: {}", loaded.error().message);
    config_error_ = loaded.error().message;
    return loaded.error();
  }
  config_error_.clear();
  tell_remarks(loaded.value());
  follow_geo(loaded.value());
  config_loaded_s_ = now_s();
  if (loaded.value() == *config_) return broker::Nothing{};
  // Renewed one file at a time, perhaps: quotas do not wait for it.
  if (const auto& problem = loaded.value().http.tls_problem;
      !problem.empty() && problem != config_->http.tls_problem)
    host_.warning("HTTP API: {}; the certificate in use stays", problem);
  for (const auto& name : broker::restart_needed(*started_config_, loaded.value()))
    host_.warning("configuration: {} changes only with a restart", name);
  apply(std::make_shared<const broker::Config>(std::move(loaded).value()));
  watch_files();
  host_.info("configuration reloaded: {} CSPs", config_->csps.size());
  return broker::Nothing{};
}

void Broker::on_watch() {
  const std::int64_t began_ms = clock_.steady_ms();
  if (watch_.look()) [[maybe_unused]]
    const auto reported = reload();
  // A change is loaded at the second look and is to take effect well within a second. Many files on a
  // slow file system are looked at less often, so that it never takes more than a tenth of the thread.
  constexpr std::int64_t shortest_ms = 50;
  constexpr std::int64_t longest_ms = 1'000;
  const auto wait_ms = std::clamp((clock_.steady_ms() - began_ms) * 10, shortest_ms, longest_ms);
  const timeval interval{wait_ms / 1'000, wait_ms % 1'000 * 1'000};
  ::event_add(watch_event_.get(), &interval);
}

void Broker::watch_files() {
  auto files = config_->files;
  files.push_back(config_file_);
  if (!config_->geoip_database.empty()) files.push_back(config_->geoip_database);
  watch_.watch(std::move(files), config_->include_patterns);
}

}  // namespace plugin
