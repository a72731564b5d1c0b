// The books of the ledgers in SQLite and Redis: what was reported stands in them and adds up; what
// somebody else writes into them is found; and reading them changes nothing.
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <optional>

#include "broker/ledger_audit.h"
#include "conformance/ledger_stores.h"
#include "conformance/redis_store.h"
#include "ledger/redis_books.h"
#include "sqlite/sqlite_books.h"

using namespace conformance;
using broker::AccountBooks;
using broker::BookedShare;
using broker::BooksQuery;
using broker::FindingKind;
using broker::IncarnationState;
using Catch::Matchers::Contains;
namespace keys = plugin::ledger_keys;

namespace {

struct Books {
  std::map<broker::AccountKey, AccountBooks> accounts;
  std::vector<std::string> damage;
};

/// Reads all pages; `wait` until an answer is there.
Books read_all(broker::LedgerBooks& ledger, const BooksQuery& query,
               const std::function<void(const std::function<bool()>&)>& wait) {
  const auto reader = got(ledger.read(query));
  Books books;
  for (bool last = false; !last;) {
    std::optional<broker::Result<broker::BooksPage>> page;
    reader->next([&](broker::Result<broker::BooksPage> answer) { page = std::move(answer); });
    wait([&] { return page.has_value(); });
    auto found = got(std::move(page).value());
    for (auto& each : found.accounts) {
      const auto key = each.account;
      CHECK(books.accounts.emplace(key, std::move(each)).second);
    }
    books.damage.insert(books.damage.end(), found.damage.begin(), found.damage.end());
    last = found.last;
  }
  return books;
}

/// The SQLite ledger with the file's path.
class SqliteBooksFixture {
 public:
  SqliteBooksFixture() : ledger_(open_sqlite(path_)), books_(path_) {}
  broker::LedgerStore& store() { return *ledger_; }
  Books read(const BooksQuery& query = {"", true, {}}) {
    return read_all(books_, query, [](const std::function<bool()>&) {});
  }
  void execute(const std::string& sql) {
    sqlite3* handle = nullptr;
    REQUIRE(sqlite3_open(path_.c_str(), &handle) == SQLITE_OK);
    const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(handle);
    REQUIRE(code == SQLITE_OK);
  }

 private:
  TemporaryDirectory directory_;
  std::string path_ = directory_.file("ledger.sqlite3");
  std::unique_ptr<plugin::SqliteLedger> ledger_;
  plugin::SqliteBooks books_;
};

class RedisBooksFixture : public RedisFixture {
 public:
  Books read(const BooksQuery& query = {"", true, {relay_a, relay_b}}) {
    plugin::RedisBooks books(client());
    return read_all(books, query, [this](const std::function<bool()>& done) {
      while (!done()) ::event_base_loop(base(), EVLOOP_ONCE);
    });
  }
  static std::string cli(const std::vector<std::string>& command) { return server().cli(command); }
  /// All that is stored, to see that nothing of it has changed.
  static std::string dump() {
    return cli({"EVAL",
                "local out = {} local names = redis.call('KEYS', '*') table.sort(names) "
                "for _, name in ipairs(names) do out[#out + 1] = name "
                "out[#out + 1] = redis.call('DUMP', name) end "
                "return redis.sha1hex(table.concat(out, ' '))",
                "0"});
  }
};

const broker::AccountKey alice{"acme", broker::MediaType::video, 1'798'761'600, "alice"};
const broker::AccountKey bigco{"bigco", broker::MediaType::data, 0, ""};

/// Two relays at work, one that ended, accounts of a client and of another CSP.
void report_some(broker::LedgerStore& store) {
  const broker::Incarnation before{"a", 0xA0};
  got(store.exchange(before, {Report(acme_video, 1000).charged(60).granted(60).wants(50)}));
  REQUIRE(store.end(before, {Report(acme_video, 1000).charged(80).granted(110)}));
  got(store.exchange(relay_a, {Report(acme_video, 1000).charged(100).granted(100).wants(50),
                               Report(alice, 500).charged(7).granted(7).wants(3)}));
  got(store.exchange(
      relay_b, {Report(acme_video, 1000).charged(40).granted(40), Report(bigco, 9000).wants(900)}));
}

std::vector<FindingKind> audit(const Books& books, const broker::AuditContext& context = {}) {
  std::vector<FindingKind> kinds;
  for (const auto& [key, each] : books.accounts)
    for (const auto& finding : audit_account(each, context)) kinds.push_back(finding.kind);
  return kinds;
}

const BookedShare& share_of(const AccountBooks& books, const broker::Incarnation& who) {
  const auto found = std::ranges::find(books.shares, who, &BookedShare::who);
  REQUIRE(found != books.shares.end());
  return *found;
}

std::string field_of(const broker::Incarnation& who) { return "s:" + keys::name_of(who); }

}  // namespace

TEMPLATE_TEST_CASE("what relays reported stands in the books, and adds up", "[books]",
                   SqliteBooksFixture, RedisBooksFixture) {
  TestType fixture;
  CHECK(fixture.read().accounts.empty());
  report_some(fixture.store());
  const Books books = fixture.read();
  CHECK(books.damage.empty());
  REQUIRE(books.accounts.size() == 3);
  const AccountBooks& video = books.accounts.at(acme_video);
  CHECK(video.totals.charged_octets == 220);
  CHECK(video.totals.granted_octets == 270);
  CHECK(video.totals.used.octets[0] == 220);
  CHECK(video.listed);
  REQUIRE(video.shares.size() == 2);
  CHECK(share_of(video, relay_a).share.granted_octets == 150);
  CHECK(share_of(video, relay_a).state == IncarnationState::open);
  CHECK(share_of(video, relay_a).listed);
  CHECK(share_of(video, relay_b).share.charged_octets == 40);
  CHECK(books.accounts.at(bigco).totals.granted_octets == 900);
  broker::AuditContext context;
  context.self = relay_a;
  CHECK(audit(books, context).empty());
  broker::OpenHoldings holdings;
  for (const auto& [key, each] : books.accounts) add_holdings(each, holdings);
  CHECK(holdings == broker::OpenHoldings{{relay_a, 53}, {relay_b, 900}});
}

TEMPLATE_TEST_CASE("books can be read of one CSP, and without clients", "[books]",
                   SqliteBooksFixture, RedisBooksFixture) {
  TestType fixture;
  report_some(fixture.store());
  const auto names = [&](const BooksQuery& query) {
    std::vector<broker::AccountKey> found;
    for (const auto& [key, each] : fixture.read(query).accounts) found.push_back(key);
    return found;
  };
  CHECK(names({"acme", true, {}}) == std::vector{acme_video, alice});
  CHECK(names({"acme", false, {}}) == std::vector{acme_video});
  CHECK(names({"", false, {}}) == std::vector{acme_video, bigco});
  CHECK(names({"nobody", true, {}}).empty());
}

TEMPLATE_TEST_CASE("thousands of accounts are read whole, page by page", "[books]",
                   SqliteBooksFixture, RedisBooksFixture) {
  TestType fixture;
  std::vector<broker::UsageReport> reports;
  for (int i = 0; i < 2'500; ++i) {
    reports.push_back(Report(acme_video, 1'000'000'000).charged(1).granted(1));
    reports.back().account.client = "client-" + std::to_string(i);
  }
  got(fixture.store().exchange(relay_a, reports));
  const Books books = fixture.read();
  CHECK(books.accounts.size() == reports.size());
  CHECK(audit(books).empty());
}

TEST_CASE("books of a file that is not there are an error that names it", "[books]") {
  plugin::SqliteBooks books("/nowhere/ledger.sqlite3");
  const auto reader = books.read({});
  REQUIRE_FALSE(reader);
  CHECK_THAT(reader.error().message, Contains("/nowhere/ledger.sqlite3"));
}

TEST_CASE("damage planted into the SQLite ledger is found", "[books]") {
  SqliteBooksFixture fixture;
  report_some(fixture.store());
  using Kinds = std::vector<FindingKind>;
  SECTION("a total") {
    fixture.execute(
        "UPDATE accounts SET charged_octets = charged_octets - 1 WHERE client = 'alice'");
    const auto found = audit(fixture.read());
    CHECK(std::ranges::count(found, FindingKind::totals_below_shares) == 1);
    CHECK(std::ranges::count(found, FindingKind::unspent_of_nobody) == 1);
  }
  SECTION("a share that is gone") {
    fixture.execute(
        "DELETE FROM shares WHERE account = (SELECT number FROM accounts WHERE csp = 'bigco')");
    CHECK(audit(fixture.read()) == Kinds{FindingKind::unspent_of_nobody});
  }
  SECTION("an incarnation that is gone") {
    fixture.execute("DELETE FROM incarnations WHERE relay_id = 'b'");
    CHECK(audit(fixture.read()) ==
          Kinds{FindingKind::share_of_unknown, FindingKind::share_of_unknown});
  }
  SECTION("an incarnation that is said to have ended") {
    fixture.execute("UPDATE incarnations SET ended = 9 WHERE relay_id = 'b'");
    CHECK(audit(fixture.read()) == Kinds{FindingKind::share_of_ended, FindingKind::share_of_ended});
  }
  SECTION("amounts that are none") {
    fixture.execute("UPDATE accounts SET granted_octets = -5 WHERE csp = 'bigco'");
    fixture.execute(
        "UPDATE shares SET charged_octets = -1 WHERE incarnation = "
        "(SELECT number FROM incarnations WHERE relay_id = 'a' AND ended IS NULL)");
    CHECK(audit(fixture.read()) ==
          Kinds{FindingKind::damaged, FindingKind::damaged, FindingKind::damaged});
  }
  SECTION("a media type that is none") {
    fixture.execute("UPDATE accounts SET media = 7 WHERE csp = 'bigco'");
    CHECK(audit(fixture.read()) == Kinds{FindingKind::damaged});
  }
  SECTION("an account that is gone") {
    fixture.execute("DELETE FROM accounts WHERE csp = 'bigco'");
    CHECK(fixture.read().damage ==
          std::vector<std::string>{"1 shares are of accounts that are not there"});
  }
}

TEST_CASE("damage planted into the Redis ledger is found", "[books]") {
  RedisBooksFixture fixture;
  report_some(fixture.store());
  const std::string key = keys::account(bigco);
  const std::size_t shard = keys::shard_of(bigco);
  using Kinds = std::vector<FindingKind>;
  const auto cli = [](const std::vector<std::string>& command) {
    (void)RedisBooksFixture::cli(command);
  };
  const auto found = [&] { return audit(fixture.read()); };
  SECTION("a total") {
    cli({"HINCRBY", key, "g", "-1"});
    CHECK(found() == Kinds{FindingKind::totals_below_shares, FindingKind::unspent_of_nobody});
  }
  SECTION("the number of holders") {
    cli({"HSET", key, "h", "0"});
    CHECK(found() == Kinds{FindingKind::holders_miscounted});
  }
  SECTION("a share") {
    cli({"HSET", key, field_of(relay_b), "900 1 0 0 0 0 1"});
    CHECK(found() == Kinds{FindingKind::totals_below_shares, FindingKind::unspent_of_nobody,
                           FindingKind::charged_beyond_used});
  }
  SECTION("a share that is gone") {
    cli({"HDEL", key, field_of(relay_b)});
    CHECK(found() == Kinds{FindingKind::unspent_of_nobody, FindingKind::holders_miscounted});
  }
  SECTION("an incarnation that is not open") {
    cli({"SREM", keys::open_incarnations(shard, "b"), keys::name_of(relay_b)});
    CHECK(found() == Kinds{FindingKind::share_of_unknown});
    cli({"ZADD", keys::ended_incarnations(shard, "b"), "1", keys::name_of(relay_b)});
    CHECK(found() == Kinds{FindingKind::share_of_ended});
  }
  SECTION("lists") {
    cli({"SREM", keys::accounts_of(shard, relay_b), key});
    CHECK(found() == Kinds{FindingKind::share_not_listed});
    cli({"SADD", keys::accounts_of(shard, relay_b), key});
    cli({"SREM", keys::all_accounts(shard), key});
    CHECK(found() == Kinds{FindingKind::account_not_listed});
    cli({"SADD", keys::all_accounts(shard), key, "not an account"});
    const Books books = fixture.read();
    CHECK(audit(books).empty());
    REQUIRE(books.damage.size() == 1);
    CHECK_THAT(books.damage[0], Contains("\"not an account\""));
  }
  SECTION("what cannot be read") {
    const std::string what = GENERATE("lots", "-1", "1.5", "9007199254740992", "");
    cli({"HSET", key, "c", what});
    CHECK(found() == Kinds{FindingKind::damaged});
  }
  SECTION("a share that cannot be read") {
    const std::string what = GENERATE("1 2 3", "a b c d e f g", "");
    cli({"HSET", key, field_of(relay_b), what});
    CHECK(found() == Kinds{FindingKind::damaged});
  }
  SECTION("a share of nobody") {
    cli({"HSET", key, "s:what", "0 0 0 0 0 0 0"});
    CHECK(found() == Kinds{FindingKind::damaged});
  }
  SECTION("a key of another type") {
    cli({"SET", key, "mine"});
    CHECK(found() == Kinds{FindingKind::damaged});
    cli({"DEL", key});
    CHECK(found() == Kinds{FindingKind::damaged});
  }
  SECTION("a list of another type") {
    cli({"SET", keys::open_incarnations(shard, "b"), "mine"});
    const auto kinds = found();
    CHECK(std::ranges::count(kinds, FindingKind::damaged) == 1);
  }
}

TEST_CASE("what a later version adds to the Redis ledger is passed over", "[books]") {
  RedisBooksFixture fixture;
  report_some(fixture.store());
  const std::string key = keys::account(bigco);
  (void)RedisBooksFixture::cli({"HSET", key, "a", "3", "x:y", "z"});
  (void)RedisBooksFixture::cli({"HSET", key, field_of(relay_b), "900 0 0 0 0 0 1 4 5"});
  const Books books = fixture.read();
  CHECK(audit(books) == std::vector<FindingKind>{});
  CHECK(share_of(books.accounts.at(bigco), relay_b).share.granted_octets == 900);
}

TEST_CASE("reading the Redis ledger's books changes nothing", "[books]") {
  RedisBooksFixture fixture;
  report_some(fixture.store());
  const std::string before = RedisBooksFixture::dump();
  (void)fixture.read();
  CHECK(RedisBooksFixture::dump() == before);
}

TEST_CASE("a reader that is destroyed before the answer is no harm", "[books]") {
  RedisBooksFixture fixture;
  report_some(fixture.store());
  plugin::RedisBooks books(fixture.client());
  bool answered = false;
  auto reader = got(books.read({"", true, {}}));
  reader->next([&](const auto&) { answered = true; });
  reader.reset();
  (void)fixture.read();
  CHECK_FALSE(answered);
}
