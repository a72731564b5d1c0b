// What the broker thread of a simulated process does (process.h), after plugin/broker/serve.cpp and
// plugin/broker/configure.cpp.
#include <algorithm>
#include <utility>

#include "broker/cutter.h"
#include "simulation/process.h"

namespace simulation {

using plugin::Account;
using plugin::Settler;
using plugin::Stage;

namespace {

constexpr plugin::IdleAccounts::Waits idle_waits{.grant_ms = 3'000, .client_ms = 6'000};
constexpr std::array<broker::MediaType, Process::quotas> media{broker::MediaType::audio,
                                                               broker::MediaType::video};

/// The host's services have no one to say whose they are: whoever called last.
struct Called {
  World* world = nullptr;
  std::string relay;
  std::vector<std::uint64_t> cancelled;
};
Called called;

turn_host make_table() {
  turn_host table{};
  table.size = sizeof table;
  table.abi_version = TURN_PLUGIN_ABI_VERSION;
  table.log = [](turn_log_level, const char* text) {
    if (called.world != nullptr) called.world->note("{}: {}", called.relay, text);
  };
  table.cancel_allocation = [](std::uint64_t id, turn_close_reason) {
    called.cancelled.push_back(id);
    return TURN_SERVICE_OK;
  };
  return table;
}

const turn_host host_table = make_table();

void note_caller(World& world, const Life& life) {
  called.world = &world;
  called.relay = life.who.relay_id;
}

}  // namespace

Process::Process(const Place& place, plugin::MeterTable table, const plugin::Clock& clock,
                 const broker::Incarnation& who, Limits limits)
    : place_(place),
      clock_(clock),
      host_(&host_table),
      table_(std::move(table)),
      limits_(std::move(limits)),
      index_(table_.header().accounts_max),
      book_(table_, index_),
      life_(place_.truth.begin_life(who)),
      link_(place_.world, place_.store, clock,
            {[this] {
               settler_.report_all();
               keeper_.report_all();
             },
             place_.recall, place_.tell_exhausted, place_.recall_places,
             [this](const auto& reports, std::uint64_t told) {
               for (const auto& report : reports)
                 if (const Account* account = book_.find(report.account); account != nullptr)
                   place_.truth.answered(life_, *truths_[account->slot], told);
             }},
            place_.fault),
      settler_(host_, clock, table_, book_, link_, who),
      idle_(clock, book_, settler_, idle_waits,
            {.fold = [this] { fold_closed(); },
             .on_erase =
                 [this](const Account& account) {
                   place_.truth.freed(life_, *truths_[account.slot]);
                 }}),
      keeper_(clock, table_, places_, link_, who),
      side_(host_, table_, index_, snapshots_, inbox_, clock),
      truths_(table_.header().accounts_max) {
  settler_.on_answer([this] {
    serve_admissions();
    serve_credit();
  });
  keeper_.on_answer([this] { serve_admissions(); });
}

bool Process::refuses(const Account* account) const {
  return plugin::refuses(account->stage.load());
}

Account* Process::account_for(std::size_t quota, const std::string& client) {
  const std::int64_t now_s = clock_.unix_ms() / 1'000;
  const std::int64_t start_s = now_s - now_s % place_.period_s;
  const broker::AccountKey key{"acme", media[quota], start_s, client};
  if (Account* known = book_.find(key); known != nullptr) {
    if (known->stage.load() == Stage::over)
      settler_.correct_limit(*known, limit_of(key, limits_.octets[quota]));
    return known;
  }
  Account* account = book_.add(key, broker::PeriodKind::day, {start_s, start_s + place_.period_s});
  if (account == nullptr) return nullptr;
  account->limit_octets.store(limit_of(key, limits_.octets[quota]));
  account->charged_directions.store(quota == 1 ? 1 : 3);
  if (client.empty()) {
    account->places = &places_.of({key.csp, key.media});
    keeper_.set_limit(*account->places, limits_.allocations[quota]);
  }
  truths_[account->slot] = &place_.truth.account(key, quota);
  place_.truth.taken_up(life_, *truths_[account->slot]);
  return account;
}

void Process::tick() {
  note_caller(place_.world, life_);
  link_.tick();
  close_cancelled();
  roll_periods();
  serve_admissions();
  serve_credit();
  fold_closed();
  if (clock_.steady_ms() >= next_second_ms_) {
    next_second_ms_ = clock_.steady_ms() + 1'000;
    every_second();
  }
  bool out = clock_.steady_ms() >= link_.valid_until_ms();
  book_.for_each_active([&](const Account& account) {
    out = out || (account.retell_by_ms != 0 && clock_.steady_ms() >= account.retell_by_ms);
  });
  if (out) place_.truth.out_of_contact(life_);
  if (settler_.check_validity({})) cut_refusing();
  cut_refusing();
  cut_lapsed();
}

void Process::wake() {
  note_caller(place_.world, life_);
  serve_admissions();
  serve_credit();
}

void Process::every_second() {
  if (!settler_.store_error().empty()) {
    Account* any = nullptr;
    book_.for_each([&](Account& account) { any = &account; });
    if (any != nullptr) settler_.exchange({any}, Settler::Ask::nothing);
  }
  link_.look_for_loss();
  settler_.report_changes();
  settler_.take_back_idle();
  idle_.look();
}

void Process::serve_credit() {
  static_cast<void>(settler_.serve_waiting());
  if (settler_.take_exhausted()) cut_refusing();
}

void Process::cut_refusing() {
  cut([&](const plugin::AllocationSlot& slot) {
    const Account* account = index_.at(slot.account);
    const Account* client = index_.at(slot.client_account);
    return (account != nullptr && refuses(account)) || (client != nullptr && refuses(client));
  });
}

void Process::cut_lapsed() {
  if (place_.fault == Fault::places_never_lapse || !keeper_.check_validity()) return;
  cut([&](const plugin::AllocationSlot& slot) {
    const Account* account = index_.at(slot.account);
    return account != nullptr && account->places->lapsed;
  });
}

void Process::cut(const std::function<bool(const plugin::AllocationSlot&)>& chosen) {
  called.cancelled.clear();
  plugin::cut(host_, table_, TURN_CLOSE_QUOTA_EXHAUSTED, chosen);
  for (const std::uint64_t id : called.cancelled)
    for (Allocation& allocation : allocations_)
      if (allocation.id == id) allocation.cancelled = true;
}

void Process::fold_closed() {
  while (plugin::AllocationSlot* slot = table_.next_closed()) table_.fold_and_free(*slot);
}

void Process::roll_periods() {
  const std::int64_t now_s = clock_.unix_ms() / 1'000;
  if (now_s < book_.first_end_s()) return;
  std::vector<Account*> ended;
  book_.for_each([&](Account& account) {
    if (account.stage.load() != Stage::over && now_s >= account.period.end_s)
      ended.push_back(&account);
  });
  std::vector<Account*> fresh;
  std::vector<Account*> successors;
  for (const Account* account : ended) {
    const std::size_t quota = truths_[account->slot]->quota;
    const bool live = account->live.load() != 0;
    Account* next =
        live || account->key.client.empty() ? account_for(quota, account->key.client) : nullptr;
    if (next != nullptr && live) fresh.push_back(next);
    successors.push_back(next);
  }
  settler_.exchange(fresh, Settler::Ask::at_least);
  for (std::size_t i = 0; i < ended.size(); ++i) {
    ended[i]->successor.store(successors[i]);
    ended[i]->stage.store(Stage::over);
    book_.note_active(*ended[i]);
    settler_.take_back(*ended[i]);
    book_.forget_before(ended[i]->key);
    place_.truth.dropped_before(life_, ended[i]->key, place_.share_of());
  }
  book_.find_bounds();
}

void Process::apply_limit(std::size_t quota) {
  note_caller(place_.world, life_);
  keeper_.set_limit(places_.of({"acme", media[quota]}), limits_.allocations[quota]);
  book_.for_each([&](Account& account) {
    if (account.stage.load() == Stage::over || truths_[account.slot]->quota != quota) return;
    const std::uint64_t own = limit_of(account.key, limits_.octets[quota]);
    if (own != account.limit_octets.load())
      settler_.change_limit(account, own);
    else if (account.stage.load() == Stage::last && account.refused_octets.load() == 0)
      settler_.exchange({&account}, Settler::Ask::at_least);
  });
  if (settler_.take_exhausted()) cut_refusing();
}

void Process::give_back(const broker::AccountKey& key) {
  note_caller(place_.world, life_);
  if (Account* account = book_.find(key); account != nullptr) settler_.give_back(*account);
}

void Process::give_places_back(const broker::PlacesKey& key) {
  note_caller(place_.world, life_);
  keeper_.give_back(key);
}

void Process::hear_exhausted(const broker::AccountKey& key) {
  note_caller(place_.world, life_);
  Account* account = book_.find(key);
  if (account == nullptr) return;
  account->exhausted_heard_ms = clock_.steady_ms();
  if (account->stage.load() == Stage::open) settler_.exchange({account}, Settler::Ask::nothing);
}

std::vector<broker::UsageReport> Process::last_reports() {
  note_caller(place_.world, life_);
  fold_closed();
  settler_.on_answer([] {});
  keeper_.on_answer([] {});
  return settler_.last_reports();
}

}  // namespace simulation
