#include "fake_relay.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "broker/credentials.h"
#include "sqlite/sqlite_ledger.h"

namespace testing {

namespace {

std::atomic<std::uint64_t> next_id{1};

}  // namespace

/// The host's functions are told no host: each host has functions of its own.
struct FakeHost::Slots {
  static constexpr std::size_t hosts_max = 8;
  /// Brokers may begin on several threads.
  static std::array<std::atomic<FakeHost*>, hosts_max>& hosts() {
    static std::array<std::atomic<FakeHost*>, hosts_max> all{};
    return all;
  }
  using Make = turn_host (*)();
  template <std::size_t... slot>
  static constexpr std::array<Make, hosts_max> all_tables(std::index_sequence<slot...>) {
    return {table<slot>...};
  }

  template <std::size_t slot>
  static turn_host table() {
    turn_host out{};
    out.size = sizeof out;
    out.abi_version = TURN_PLUGIN_ABI_VERSION;
    out.name = "test";
    out.version = "1";
    out.log = [](turn_log_level, const char* text) {
      FakeHost& host = *hosts()[slot].load();
      const std::lock_guard lock(host.mutex_);
      host.log_ += std::string(text) + "\n";
    };
    out.cancel_allocation = [](std::uint64_t id, turn_close_reason reason) {
      FakeHost& host = *hosts()[slot].load();
      const std::lock_guard lock(host.mutex_);
      host.cancelled_.emplace(id, reason);
      return TURN_SERVICE_OK;
    };
    out.complete_credential = [](std::uint64_t, turn_verdict, const turn_credential_answer*) {
      return TURN_SERVICE_UNKNOWN_ID;
    };
    out.complete_allocation = [](std::uint64_t id, turn_verdict verdict,
                                 const turn_allocation_answer* answer) {
      FakeHost& host = *hosts()[slot].load();
      const std::lock_guard lock(host.mutex_);
      host.answers_.emplace(id, Answer{verdict, *answer});
      host.answered_.notify_all();
      return TURN_SERVICE_OK;
    };
    out.stop_server = [] {
      FakeHost& host = *hosts()[slot].load();
      const std::lock_guard lock(host.mutex_);
      if (host.stop_refused_) return TURN_SERVICE_UNAVAILABLE;
      host.stop_asked_ = true;
      return TURN_SERVICE_OK;
    };
    return out;
  }
};

FakeHost::FakeHost() {
  static constexpr auto tables = Slots::all_tables(std::make_index_sequence<Slots::hosts_max>{});
  auto& hosts = Slots::hosts();
  for (std::size_t slot = 0; slot < hosts.size(); ++slot) {
    FakeHost* nobody = nullptr;
    if (!hosts.at(slot).compare_exchange_strong(nobody, this)) continue;
    table_ = tables.at(slot)();
    return;
  }
  throw std::runtime_error("too many fake hosts at once");
}

FakeHost::~FakeHost() {
  for (auto& host : Slots::hosts()) {
    FakeHost* self = this;
    host.compare_exchange_strong(self, nullptr);
  }
}

std::string FakeHost::log_text() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::optional<turn_close_reason> FakeHost::cancelled(std::uint64_t allocation_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = cancelled_.find(allocation_id);
  if (found == cancelled_.end()) return std::nullopt;
  return found->second;
}

std::optional<FakeHost::Answer> FakeHost::wait_for_answer(std::uint64_t request_id) {
  std::unique_lock lock(mutex_);
  if (!answered_.wait_for(lock, std::chrono::seconds(10),
                          [&] { return answers_.contains(request_id); }))
    return std::nullopt;
  return answers_.at(request_id);
}

bool FakeHost::stop_asked() const {
  const std::lock_guard lock(mutex_);
  return stop_asked_;
}

void FakeHost::refuse_stop(bool refused) {
  const std::lock_guard lock(mutex_);
  stop_refused_ = refused;
}

int FakeRelay::allocate(const std::string& username, const std::string& password,
                        FakeAllocation& out, bool by_plugin) {
  turn_requester requester{};
  requester.size = sizeof requester;
  requester.relay_thread = thread_;
  requester.session_id = next_id++;
  requester.username = username.c_str();
  requester.realm = "test";
  requester.client_transport = TURN_TRANSPORT_UDP;
  requester.client = {4, 0, 40'000, {127, 0, 0, 1}};
  auto& side = broker_.relay_side();

  if (by_plugin) {
    turn_credential_request wanted{sizeof wanted, next_id++, requester};
    turn_credential_answer answer{};
    answer.size = sizeof answer;
    if (side.credential_wanted(wanted, answer) != TURN_VERDICT_ALLOW) return 401;
    bool known = false;
    for (std::size_t i = 0; i < answer.passwords_count; ++i)
      known = known || password == answer.passwords[i];
    if (!known) return 401;
  }

  turn_allocation_request wanted{};
  wanted.size = sizeof wanted;
  wanted.authenticated_by_plugin = by_plugin;
  wanted.request_id = next_id++;
  wanted.lifetime_s = 600;
  wanted.requester = requester;
  turn_allocation_answer answer{};
  answer.size = sizeof answer;
  turn_verdict verdict = side.allocation_wanted(wanted, answer);
  if (verdict == TURN_VERDICT_PENDING) {
    const auto later = host_.wait_for_answer(wanted.request_id);
    if (!later) return 500;
    verdict = later->verdict;
    answer = later->answer;
  }
  if (verdict != TURN_VERDICT_ALLOW) return answer.error_code;
  out = FakeAllocation{requester.session_id, answer.meter, {0, 0}};

  turn_allocation_created created{};
  created.size = sizeof created;
  created.allocation = {sizeof created.allocation, thread_, out.id, answer.plugin_data, out.meter};
  created.requester = requester;
  created.relayed[0] = {4, 0, 50'000, {127, 0, 0, 1}};
  side.allocation_created(created);
  return 0;
}

bool FakeRelay::relay(FakeAllocation& allocation, turn_direction direction, std::uint64_t octets,
                      std::uint64_t useful_octets) {
  const auto amount = static_cast<std::int64_t>(octets);
  for (int tries = 0; tries < 4; ++tries) {
    turn_meter& meter = *allocation.meter;
    const bool charged = (meter.charged_directions >> direction & 1U) != 0;
    const std::int64_t left =
        charged ? __atomic_sub_fetch(&meter.credit_octets, amount, __ATOMIC_RELAXED) : 0;
    if (left >= 0) {
      __atomic_fetch_add(&meter.used_octets[direction], octets, __ATOMIC_RELAXED);
      __atomic_fetch_add(&meter.used_packets[direction], 1, __ATOMIC_RELAXED);
      allocation.received[direction] += octets;
      return true;
    }
    __atomic_fetch_add(&meter.credit_octets, amount, __ATOMIC_RELAXED);
    turn_credit_request wanted{};
    wanted.size = sizeof wanted;
    wanted.direction = direction;
    wanted.needed_octets = octets;
    wanted.useful_octets = useful_octets == 0 ? octets : useful_octets;
    wanted.allocation = {sizeof wanted.allocation, thread_, allocation.id, 0, allocation.meter};
    turn_credit_answer answer{sizeof answer, 0, allocation.meter};
    const auto verdict = broker_.relay_side().credit_wanted(wanted, answer);
    if (verdict != TURN_CREDIT_GRANTED) return false;
    allocation.meter = answer.meter;
  }
  return false;
}

void FakeRelay::close(FakeAllocation& allocation, turn_close_reason reason) {
  turn_allocation_closed closed{};
  closed.size = sizeof closed;
  closed.reason = reason;
  closed.created = true;
  closed.allocation = {sizeof closed.allocation, thread_, allocation.id, 0, allocation.meter};
  broker_.relay_side().allocation_closed(closed);
  allocation.meter = nullptr;
}

RunningBroker::RunningBroker(const std::string& csp_toml, std::int64_t unix_s,
                             plugin::EventSink* sink)
    : clock(unix_s), sink_(sink) {
  char name[] = "/tmp/turnbroker-test-XXXXXX";
  directory_ = ::mkdtemp(name);
  write_config(csp_toml);
  start();
}

RunningBroker::~RunningBroker() {
  broker_.reset();
  ended_.clear();
  std::filesystem::remove_all(directory_);
}

void RunningBroker::write_config(const std::string& csp_toml) {
  const auto path = directory_ / "turnbroker.toml";
  const auto temporary = directory_ / "turnbroker.toml.new";
  {
    std::ofstream file(temporary);
    // The tests mint credentials that outlast any change of the clock.
    file << "[broker]\nrealm = \"test\"\nsecret = \"0123456789abcdef0123\"\n"
         << "credential_ttl = \"365d\"\nstate_dir = \"" << (directory_ / "state").string() << "\"\n"
         << csp_toml;
  }
  std::filesystem::rename(temporary, path);
}

void RunningBroker::start() {
  broker_ = std::make_unique<plugin::Broker>(plugin::Host(host.table()), clock);
  auto loaded = broker_->load((directory_ / "turnbroker.toml").string());
  if (!loaded) throw std::runtime_error(loaded.error().message);
  if (sink_ != nullptr) broker_->tell(*sink_);
  auto started = broker_->start();
  if (!started) throw std::runtime_error(started.error().message);
}

void RunningBroker::stop() {
  broker_->stop();
  ended_.push_back(std::move(broker_));
}

std::vector<std::string> RunningBroker::records() const {
  std::vector<std::string> lines;
  std::ifstream file(directory_ / "state" / "usage.jsonl");
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

broker::AccountUsage RunningBroker::ledger(const std::string& csp, broker::MediaType media) const {
  auto opened = plugin::SqliteLedger::open((directory_ / "state" / "ledger.sqlite3").string());
  if (!opened) throw std::runtime_error(opened.error().message);
  auto rows = opened.value()->usage(0);
  if (!rows) throw std::runtime_error(rows.error().message);
  broker::AccountUsage sum;
  for (const auto& row : rows.value()) {
    if (row.account.csp != csp || row.account.media != media || !row.account.client.empty())
      continue;
    sum.account = row.account;
    sum.used += row.used;
    sum.charged_octets += row.charged_octets;
    sum.granted_octets += row.granted_octets;
  }
  return sum;
}

Credentials mint(const std::string& secret, const std::string& who, std::int64_t expiry_s) {
  Credentials credentials;
  credentials.username = std::to_string(expiry_s) + ":" + who;
  credentials.password =
      broker::turn_password(broker::Secret(secret), credentials.username).reveal();
  return credentials;
}

}  // namespace testing
