// What becomes of accounts without allocations, with a clock that the test moves.
#include "broker/idle_accounts.h"

#include <catch2/catch.hpp>

#include "fake_relay.h"
#include "ledger/local_ledger.h"
#include "support/model_ledger.h"
#include "support/temp_dir.h"

using plugin::Account;
using plugin::IdleAccounts;
using plugin::Settler;
using plugin::Stage;

namespace {

constexpr std::uint64_t limit_octets = 1'000;
constexpr IdleAccounts::Waits waits{.grant_ms = 10'000, .client_ms = 60'000};

class SteadyClock : public plugin::Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
  std::int64_t now_ms = 1'000;
};

struct Accounts {
  Accounts() {
    book.client_room().resize(16, 1);
    csp = &add("");
    client = &add("alice");
  }

  Account& add(const std::string& name) {
    Account* account = book.add({"acme", broker::MediaType::data, 0, name},
                                broker::PeriodKind::total, {0, broker::period_never_ends});
    REQUIRE(account != nullptr);
    account->limit_octets.store(limit_octets);
    settler.collect();
    settler.exchange({account}, Settler::Ask::at_least);
    REQUIRE(account->granted_octets == limit_octets);
    return *account;
  }

  /// As its allocations did, which are closed and folded.
  void use(Account& account, std::uint64_t octets) {
    auto& closed = table.account(account.slot).closed;
    closed.octets[0] += octets;
    closed.charged_octets += octets;
    account.pool.fetch_sub(static_cast<std::int64_t>(octets));
    settler.collect();
    settler.exchange({&account}, Settler::Ask::at_least);
  }

  /// Twice: the first look may give back what must be reported before the second erases.
  void after(std::int64_t ms) {
    idle.look();
    clock.now_ms += ms;
    idle.look();
    settler.report_changes();
    idle.look();
  }

  [[nodiscard]] bool has(const std::string& name) const {
    return book.find({"acme", broker::MediaType::data, 0, name}) != nullptr;
  }

  turntest::TempDir directory;
  testing::FakeHost fake;
  plugin::Host host{fake.table()};
  SteadyClock clock;
  plugin::MeterTable table =
      plugin::MeterTable::create(directory.path() / "meters", {32, 16}, 7, "relay", "boot").value();
  plugin::AccountIndex index{32};
  plugin::AccountBook book{table, index};
  broker::ModelLedger ledger;
  plugin::LocalLedger link{ledger};
  Settler settler{host, clock, table, book, link, {"relay", 7}};
  bool published = true;
  std::vector<std::string> erased;
  IdleAccounts idle{clock,
                    book,
                    settler,
                    waits,
                    {.fold = [] {},
                     .is_published = [this](const Account&) { return published; },
                     .on_erase = [this](const Account& one) { erased.push_back(one.key.client); }}};
  Account* csp = nullptr;
  Account* client = nullptr;
};

}  // namespace

TEST_CASE("an account without allocations gives its grant back, and not before its time") {
  Accounts accounts;
  accounts.after(waits.grant_ms - 1);
  CHECK(accounts.csp->granted_octets == limit_octets);
  accounts.after(1);
  CHECK(accounts.csp->granted_octets == 0);
  CHECK(accounts.client->granted_octets == 0);
  CHECK(accounts.settler.is_settled(*accounts.csp));
}

TEST_CASE("an account with an allocation keeps what it has") {
  Accounts accounts;
  accounts.csp->live.store(1);
  accounts.after(waits.client_ms);
  CHECK(accounts.csp->granted_octets == limit_octets);
  // From the end of the allocation on.
  accounts.csp->live.store(0);
  accounts.after(waits.grant_ms - 1);
  CHECK(accounts.csp->granted_octets == limit_octets);
}

TEST_CASE("a client's account is erased in time, a CSP's never") {
  Accounts accounts;
  accounts.use(*accounts.client, 300);
  accounts.after(waits.grant_ms);
  CHECK(accounts.has("alice"));
  accounts.after(waits.client_ms - waits.grant_ms);
  CHECK_FALSE(accounts.has("alice"));
  CHECK(accounts.has(""));
  CHECK(accounts.erased == std::vector<std::string>{"alice"});
  const broker::AccountKey alice{"acme", broker::MediaType::data, 0, "alice"};
  REQUIRE(accounts.book.left(alice) != nullptr);
  CHECK(accounts.book.left(alice)->charged_octets == 300);
  CHECK(accounts.book.names_beside(alice) == 1);
  // It comes back with what it had used.
  Account* again =
      accounts.book.add(alice, broker::PeriodKind::total, {0, broker::period_never_ends});
  CHECK(again->granted_octets == 300);
  CHECK(accounts.book.names_beside(alice) == 1);
}

TEST_CASE("a client's name counts on when the ledger has a row of it, and only then") {
  Accounts accounts;
  const broker::AccountKey alice{"acme", broker::MediaType::data, 0, "alice"};
  const broker::AccountKey bob{"acme", broker::MediaType::data, 0, "bob"};
  // Granted, and given back whole.
  accounts.after(waits.grant_ms);
  REQUIRE(accounts.book.add(bob, broker::PeriodKind::total, {0, broker::period_never_ends}));
  CHECK(accounts.book.names_beside(alice) == 2);
  accounts.after(waits.client_ms);
  CHECK_FALSE(accounts.has("alice"));
  CHECK_FALSE(accounts.has("bob"));
  CHECK(accounts.book.left(alice) != nullptr);
  CHECK(accounts.book.left(bob) == nullptr);
  CHECK(accounts.book.names_beside(alice) == 1);
}

TEST_CASE("an exhausted client's account stays until others need its room") {
  Accounts accounts;
  // The last packet did not fit.
  accounts.use(*accounts.client, limit_octets - 10);
  accounts.client->stage.store(Stage::exhausted);
  accounts.after(waits.client_ms);
  accounts.after(waits.client_ms);
  CHECK(accounts.has("alice"));
  CHECK(accounts.client->stage.load() == Stage::exhausted);
  for (int i = 0; !accounts.book.client_room().is_scarce(); ++i)
    accounts.add("other-" + std::to_string(i)).live.store(1);
  accounts.after(0);
  accounts.after(0);
  CHECK_FALSE(accounts.has("alice"));
  CHECK(accounts.ledger.usage(0).value().size() >= 1);
}

TEST_CASE("an account of a period that is over is erased when relay threads know of that") {
  Accounts accounts;
  accounts.client->stage.store(Stage::over);
  accounts.published = false;
  accounts.after(0);
  CHECK(accounts.has("alice"));
  accounts.published = true;
  accounts.after(0);
  CHECK_FALSE(accounts.has("alice"));
}
