#include "sim_relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "broker/record_of.h"
#include "fleet/publish.h"

namespace fleet_bench {

using plugin::Account;
using plugin::AllocationSlot;
using plugin::Settler;
using plugin::Stage;

namespace {

// As in plugin/broker/serve.cpp and ledgers.cpp.
constexpr int ends_max = 10;
constexpr std::int64_t pings_in_validity = 5;
constexpr std::int64_t pauses_in_validity = 5;
/// 8 PB for an account and period: none ends while it is measured.
constexpr std::uint64_t limit_octets = 8'000'000'000'000'000;

template <typename T>
T sound(broker::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

std::string make_directory(const Place& place, const std::string& id) {
  const auto path = std::filesystem::path(place.directory) / id;
  std::filesystem::create_directories(path);
  return path.string();
}

plugin::MeterTable::Size table_size(const TrafficMix& mix) {
  // Sparse: what no call has used takes no memory.
  const auto calls = static_cast<std::uint32_t>(mix.live_calls());
  return {static_cast<std::uint32_t>(mix.csps() * media_per_csp + 16), 3 * calls + 512};
}

std::unique_ptr<plugin::redis::Client> make_client(const Place& place) {
  plugin::redis::Tuning tuning;
  tuning.ping_interval_ms = place.redis.validity_time_ms / pings_in_validity;
  tuning.backoff_max_ms =
      std::min(tuning.backoff_max_ms, place.redis.validity_time_ms / pauses_in_validity);
  return sound(
      plugin::redis::Client::start(place.base, place.redis, place.clock, place.host, tuning));
}

std::unique_ptr<plugin::RecordWriter> make_records(const std::string& path) {
  plugin::RecordWriterOptions options;
  options.path = path;
  auto writer = std::make_unique<plugin::RecordWriter>(std::move(options));
  if (auto status = writer->open(); !status) throw std::runtime_error(status.error().message);
  return writer;
}

}  // namespace

SimRelay::SimRelay(const Place& place, std::size_t number, std::uint64_t seed)
    : place_(place),
      id_(fmt::format("relay-{:04}", number)),
      directory_(make_directory(place, id_)),
      random_(seed * 1'000'003 + number),
      table_(sound(plugin::MeterTable::create(directory_ + "/meters", table_size(place.mix),
                                              random_() | 1, id_, "bench"))),
      index_(table_.header().accounts_max),
      book_(table_, index_),
      client_(make_client(place)),
      ledger_(*client_, place.redis, place.clock),
      link_(ledger_, place.measured),
      bus_(*client_, place.host, place.clock),
      registry_(*client_, place.host, place.clock),
      settler_(place.host, place.clock, table_, book_, link_, {id_, table_.header().incarnation}),
      idle_(place.clock, book_, settler_, {}, {.fold = [this] { fold_closed(); }}),
      usage_teller_(id_, fmt::format("{:016x}", table_.header().incarnation),
                    [this](const auto& channel, const auto& message, plugin::Heard heard) {
                      plugin::publish(*client_, channel, message, std::move(heard));
                    }),
      records_(make_records(directory_ + "/usage.jsonl")),
      record_stream_(*client_, place.host, place.clock, directory_ + "/usage.jsonl",
                     place.redis.records_max),
      second_at_(number % visits_per_s) {
  const auto tell_again = [this] { settler_.report_all(); };
  ledger_.on_forgotten(tell_again);
  client_->on_server(
      [tell_again, last = std::string()](const plugin::redis::Server& server) mutable {
        if (std::exchange(last, server.run_id) != server.run_id) tell_again();
      });
  bus_.on_recall([this](const broker::AccountKey& key) {
    if (Account* account = book_.find(key); account != nullptr) settler_.give_back(*account);
  });
  registry_.on_roster([this](const auto& relays) {
    ledger_.note_relays(relays.size());
    ++place_.measured.rosters;
  });
  settler_.on_answer([this] { woken_ = woken_ || unresolved_ || !waiting_.empty(); });
  become_known();
  next_usage_ms_ =
      place.clock.steady_ms() +
      static_cast<std::int64_t>(random_() % 1'000 * place.redis.report_interval_ms) / 1'000;
  next_revocations_ms_ =
      place.clock.steady_ms() + static_cast<std::int64_t>(random_() % revocations_interval_ms);
}

/// As at the start of a broker; a server that did not answer in time is asked again.
void SimRelay::become_known() {
  ledger_.exchange(settler_.incarnation(), {}, [this](const auto& grants) {
    if (!grants) return become_known();
    running_ = true;
    let_calls_be(place_.clock.steady_ms());
  });
}

SimRelay::~SimRelay() {
  client_.reset();
  std::filesystem::remove_all(directory_);
}

Account& SimRelay::account_of(std::size_t csp, broker::MediaType media) {
  const auto period = broker::period_at(broker::PeriodKind::total, 0);
  const broker::AccountKey key{fmt::format("csp-{:05}", csp), media, period.start_s, ""};
  if (Account* known = book_.find(key); known != nullptr) return *known;
  Account* account = book_.add(key, broker::PeriodKind::total, period);
  if (account == nullptr) throw std::runtime_error(id_ + ": the meter table is full of accounts");
  account->limit_octets.store(limit_octets);
  table_.account(account->slot).limit_octets = limit_octets;
  return *account;
}

void SimRelay::visit(std::int64_t now_ms, std::size_t part) {
  if (!running_) return;
  let_arrive(now_ms);
  serve_calls(calls_.at(part), now_ms);
  if (std::exchange(woken_, false)) {
    admit_waiting(now_ms);
    unresolved_ = settler_.serve_waiting();
  }
  // Ten ticks a second, as the broker has.
  if (part % 2 == second_at_ % 2) tick();
  if (part == second_at_) every_second(now_ms);
}

void SimRelay::tick() {
  table_.header().alive_ms.store(place_.clock.unix_ms());
  if (!waiting_.empty()) admit_waiting(place_.clock.steady_ms());
  // All accounts are looked at only when one is known to want something: relay threads and timers ask
  // for nothing that woken_ and unresolved_ do not tell.
  if (unresolved_) unresolved_ = settler_.serve_waiting();
  fold_closed();
  settler_.check_validity({});
}

void SimRelay::every_second(std::int64_t now_ms) {
  link_.look_for_loss();
  settler_.report_changes();
  fetch_revocations(now_ms);
  if (has("registry")) tell_fleet();
  if (has("records")) record_stream_.look();
  if (has("usage")) tell_usage(now_ms);
  settler_.take_back_idle();
  idle_.look();
}

void SimRelay::fold_closed() {
  while (AllocationSlot* slot = table_.next_closed()) {
    if (auto status =
            records_->append(record_of(table_, *slot, plugin::end_reason(slot->close_reason)),
                             std::chrono::steady_clock::now());
        !status)
      throw std::runtime_error(status.error().message);
    table_.fold_and_free(*slot);
  }
}

void SimRelay::finish(std::function<void(broker::Status)> done) {
  running_ = false;
  registry_.leave(id_);
  for (auto& calls : calls_) {
    for (Call& call : calls) close(call);
    calls.clear();
  }
  fold_closed();
  settler_.on_answer([] {});
  end(std::move(done), ends_max);
}

/// Ending twice is harmless: a server that did not answer in time is told again.
void SimRelay::end(std::function<void(broker::Status)> done, int tries) {
  ledger_.end(settler_.incarnation(), settler_.last_reports(),
              [this, done = std::move(done), tries](const broker::Status& status) {
                if (status || tries == 1) return done(status);
                end(done, tries - 1);
              });
}

}  // namespace fleet_bench
