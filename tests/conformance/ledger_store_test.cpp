// What every ledger store promises (broker/ports/ledger_store.h), against each of them.
#include <catch2/catch.hpp>

#include "conformance/ledger_stores.h"
#include "conformance/redis_store.h"

using namespace conformance;
using broker::AccountKey;
using broker::Grant;
using broker::Incarnation;
using broker::LedgerStore;
using broker::MediaType;
using broker::UsageReport;

#define STORE_TEST(name) \
  TEMPLATE_TEST_CASE(name, "[store]", ModelFixture, SqliteFixture, RedisFixture)

STORE_TEST("a grant is never more than what is left of the limit") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  CHECK(exchange_one(store, relay_a, Report(acme_video, 100).wants(60)) == Grant{60, 40, 0, {}});
  CHECK(exchange_one(store, relay_b, Report(acme_video, 100).wants(60)) == Grant{40, 0, 0, {}, 60});
  CHECK(exchange_one(store, relay_a, Report(acme_video, 100).granted(60).wants(1)) ==
        Grant{60, 0, 0, {}, 40});
}

STORE_TEST("accounts differ in CSP, media type, period and client") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  std::vector<AccountKey> keys(5, acme_video);
  keys[1].csp = "globex";
  keys[2].media = MediaType::data;
  keys[3].period_start_s += 1;
  keys[4].client = "bob";
  std::vector<UsageReport> reports;
  for (const AccountKey& key : keys) reports.push_back(Report(key, 10).wants(10));
  for (const Grant& grant : got(store.exchange(relay_a, reports)))
    CHECK(grant == Grant{10, 0, 0, {}});
}

STORE_TEST("what others used is told, by direction") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  UsageReport report = Report(acme_video, 1000).charged(7).granted(7);
  report.used = {{7, 90}, {2, 3}};
  exchange_one(store, relay_a, report);
  exchange_one(store, {"c", 1}, report);
  const Grant grant = exchange_one(store, relay_b, Report(acme_video, 1000));
  CHECK(grant.used_by_others_octets == 14);
  CHECK(grant.used_by_others == broker::UsedTotals{{14, 180}, {4, 6}});
}

STORE_TEST("repeating a report changes nothing") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const UsageReport report = Report(acme_video, 100).charged(5).granted(10).wants(30);
  const Grant first = exchange_one(store, relay_a, report);
  CHECK(exchange_one(store, relay_a, report) == first);
  CHECK(exchange_one(store, relay_a, report) == first);
  CHECK(usage_of(store, acme_video).charged_octets == 5);
  CHECK(usage_of(store, acme_video).granted_octets == 40);
}

STORE_TEST("a late or repeated numbered report neither lowers nor raises anything") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const UsageReport first = Report(acme_video, 1000).wants(100).number(1);
  const UsageReport second = Report(acme_video, 1000).charged(50).granted(100).wants(100).number(2);
  CHECK(exchange_one(store, relay_a, first).granted_octets == 100);
  CHECK(exchange_one(store, relay_a, second).granted_octets == 200);
  for (const UsageReport& old : {first, second, first})
    CHECK(exchange_one(store, relay_a, old) == Grant{200, 800, 0, {}});
  CHECK(usage_of(store, acme_video).charged_octets == 50);
  CHECK(usage_of(store, acme_video).granted_octets == 200);
}

STORE_TEST("totals without a number only grow") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 1000).charged(500).granted(500));
  exchange_one(store, relay_a, Report(acme_video, 1000).charged(400).granted(400));
  CHECK(usage_of(store, acme_video).charged_octets == 500);
  CHECK(usage_of(store, acme_video).used.octets[0] == 500);
  CHECK(usage_of(store, acme_video).granted_octets == 500);
}

STORE_TEST("a newer numbered report lowers a total by a refunded packet") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 2000).charged(1200).granted(1500).number(1));
  exchange_one(store, relay_a, Report(acme_video, 2000).charged(0).granted(1500).number(2));
  CHECK(usage_of(store, acme_video).charged_octets == 0);
  CHECK(usage_of(store, acme_video).used.octets[0] == 0);
  CHECK(usage_of(store, acme_video).used.packets[0] == 0);
  CHECK(usage_of(store, acme_video).granted_octets == 1500);
}

STORE_TEST("an unspent grant is given back by reporting less, never below what was charged") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 100).wants(100));
  CHECK(exchange_one(store, relay_a, Report(acme_video, 100).charged(30).granted(50)) ==
        Grant{50, 50, 0, {}});
  CHECK(exchange_one(store, relay_a, Report(acme_video, 100).charged(30).granted(0)) ==
        Grant{30, 70, 0, {}});
  CHECK(exchange_one(store, relay_b, Report(acme_video, 100).wants(100)).granted_octets == 70);
}

STORE_TEST("a raised limit is granted from at once") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 100).wants(100));
  CHECK(exchange_one(store, relay_b, Report(acme_video, 100).wants(5)).granted_octets == 0);
  CHECK(exchange_one(store, relay_b, Report(acme_video, 104).wants(5)) == Grant{4, 0, 0, {}, 100});
}

STORE_TEST("a limit lowered below the grants calls them back and grants nothing") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 100).wants(60));
  exchange_one(store, relay_b, Report(acme_video, 100).wants(40));
  const Grant called_back =
      exchange_one(store, relay_a, Report(acme_video, 50).charged(20).granted(60).wants(60));
  CHECK(called_back.granted_octets == 20);
  CHECK(called_back.remaining_octets == 0);
  // Relay a may have gone on spending until it heard of it: its 60 count until it says otherwise.
  CHECK(usage_of(store, acme_video).granted_octets == 100);
  exchange_one(store, relay_a, Report(acme_video, 50).charged(25).granted(25));
  CHECK(usage_of(store, acme_video).granted_octets == 65);
  CHECK(exchange_one(store, relay_b, Report(acme_video, 50).granted(40)).granted_octets == 25);
}

STORE_TEST("what a store forgot is rebuilt from the relays' own totals") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  CHECK(exchange_one(store, relay_a, Report(acme_video, 100).charged(40).granted(70).wants(50)) ==
        Grant{100, 0, 0, {}});
  // More was granted than the limit allows: all of it is recorded, nothing more is granted.
  exchange_one(store, relay_b, Report(acme_video, 100).charged(10).granted(30).wants(1));
  CHECK(usage_of(store, acme_video).granted_octets == 130);
  CHECK(usage_of(store, acme_video).charged_octets == 50);
}

STORE_TEST("ending an incarnation takes its last totals and returns what it did not use") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 100).charged(10).granted(10).wants(70));
  CHECK(store.end(relay_a, {Report(acme_video, 100).charged(33).granted(80)}));
  const broker::AccountUsage usage = usage_of(store, acme_video);
  CHECK(usage.charged_octets == 33);
  CHECK(usage.used.octets[0] == 33);
  CHECK(usage.granted_octets == 33);
  CHECK(exchange_one(store, relay_b, Report(acme_video, 100).wants(100)).granted_octets == 67);
}

STORE_TEST("accounts without a last report keep their totals and lose their unspent grant") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  exchange_one(store, relay_a, Report(acme_video, 100).charged(10).granted(80));
  CHECK(store.end(relay_a, {}));
  CHECK(usage_of(store, acme_video).charged_octets == 10);
  CHECK(usage_of(store, acme_video).granted_octets == 10);
}

STORE_TEST("a life with very many accounts ends whole, whatever it still reports") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  constexpr std::size_t clients = 1'100;
  std::vector<UsageReport> reports;
  for (std::size_t i = 0; i < clients; ++i) {
    reports.push_back(Report(acme_video, 100).charged(10).granted(40));
    reports.back().account.client = "client-" + std::to_string(i);
  }
  std::vector<UsageReport> last(reports.begin(), reports.begin() + 3);
  for (UsageReport& report : last) report.charged_octets = report.used.octets[0] = 15;
  const auto check_all = [&](std::uint64_t first, std::uint64_t others) {
    std::vector<broker::AccountUsage> all = got(fixture.store().usage(INT64_MIN));
    REQUIRE(all.size() == clients);
    for (const broker::AccountUsage& usage : all) {
      const std::string& name = usage.account.client;
      const bool is_first = name == "client-0" || name == "client-1" || name == "client-2";
      CHECK(usage.charged_octets == (is_first ? first : others));
      CHECK(usage.granted_octets == usage.charged_octets);
    }
  };
  got(store.exchange(relay_a, reports));
  CHECK(store.end(relay_a, last));
  check_all(15, 10);
  CHECK(got(store.open_incarnations("a")).empty());
  const auto late = store.exchange(relay_a, reports);
  REQUIRE_FALSE(late);
  CHECK(broker::says_ended(late.error()));
  check_all(15, 10);

  got(store.exchange(relay_b, reports));
  CHECK(store.write_off(relay_b));
  check_all(55, 50);
  CHECK(got(store.open_incarnations("b")).empty());
}

STORE_TEST("an ended incarnation cannot report, and ending it again changes nothing") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const UsageReport report = Report(acme_video, 100).charged(10).granted(10);
  exchange_one(store, relay_a, report);
  CHECK(store.end(relay_a, {report}));
  CHECK_FALSE(store.exchange(relay_a, {report}));
  CHECK_FALSE(store.exchange(relay_a, {}));
  CHECK(store.end(relay_a, {Report(acme_video, 100).charged(99).granted(99)}));
  CHECK(usage_of(store, acme_video).charged_octets == 10);
  fixture.reopen();
  CHECK_FALSE(fixture.store().exchange(relay_a, {report}));
}

STORE_TEST("what an incarnation that is written off was granted is charged, in all its accounts") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const broker::AccountKey acme_audio{"acme", broker::MediaType::audio, 0, ""};
  exchange_one(store, relay_a, Report(acme_video, 100).charged(10).granted(10).wants(70));
  exchange_one(store, relay_a, Report(acme_audio, 100).charged(1).granted(1).wants(4));
  exchange_one(store, relay_b, Report(acme_video, 100).charged(5).granted(5).wants(5));
  CHECK(store.write_off(relay_a));
  const broker::AccountUsage usage = usage_of(store, acme_video);
  CHECK(usage.charged_octets == 85);
  CHECK(usage.granted_octets == 90);
  CHECK(usage.used.octets[0] == 15);
  CHECK(usage_of(store, acme_audio).charged_octets == 5);
  CHECK(usage_of(store, acme_audio).granted_octets == 5);
  CHECK(exchange_one(store, relay_b, Report(acme_video, 100).charged(5).granted(10).wants(100))
            .granted_octets == 20);
  // It has ended: nothing of it counts any more, nor again.
  const auto late = store.exchange(relay_a, {Report(acme_video, 100).charged(80).granted(80)});
  REQUIRE_FALSE(late);
  CHECK(broker::says_ended(late.error()));
  CHECK(store.write_off(relay_a));
  CHECK(store.end(relay_a, {Report(acme_video, 100).charged(80).granted(80)}));
  CHECK(got(store.open_incarnations("a")).empty());
  CHECK(usage_of(store, acme_video).charged_octets == 85);
  fixture.reopen();
  CHECK(usage_of(fixture.store(), acme_video).charged_octets == 85);
}

STORE_TEST("one that never reported, or has ended, can be written off and changes nothing") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  CHECK(store.write_off(relay_a));
  CHECK_FALSE(store.exchange(relay_a, {}));
  exchange_one(store, relay_b, Report(acme_video, 100).charged(10).granted(10).wants(70));
  CHECK(store.end(relay_b, {}));
  CHECK(store.write_off(relay_b));
  CHECK(usage_of(store, acme_video).charged_octets == 10);
  CHECK(usage_of(store, acme_video).granted_octets == 10);
}

STORE_TEST("an incarnation that never reported can end, with totals") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  CHECK(store.end(relay_a, {Report(acme_video, 100).charged(12).granted(50)}));
  CHECK(usage_of(store, acme_video).granted_octets == 12);
  CHECK(got(store.open_incarnations("a")).empty());
  CHECK_FALSE(store.exchange(relay_a, {}));
}

STORE_TEST("open incarnations are those of the relay that have reported and not ended") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const Incarnation high{"a", UINT64_MAX};
  const Incarnation low{"a", 1};
  const Incarnation over{"a", 77};
  for (const Incarnation& who : {high, low, over, relay_b}) got(store.exchange(who, {}));
  CHECK(store.end(over, {}));
  CHECK(got(store.open_incarnations("a")) == std::vector{low, high});
  CHECK(got(store.open_incarnations("nobody")).empty());
}

STORE_TEST("the same incarnation id of another relay is another incarnation") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const Incarnation one{"one", 5};
  const Incarnation two{"two", 5};
  exchange_one(store, one, Report(acme_video, 100).charged(1).granted(1));
  exchange_one(store, two, Report(acme_video, 100).charged(2).granted(2));
  CHECK(store.end(one, {}));
  CHECK(store.exchange(two, {}));
  CHECK(usage_of(store, acme_video).charged_octets == 3);
}

STORE_TEST("one bad report leaves the whole exchange without effect") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const UsageReport good = Report(acme_video, 100).charged(5).granted(5);
  const auto beyond = broker::octets_max + 1;
  std::vector<UsageReport> bad(9, good);
  bad[0].limit_octets = beyond;
  bad[1].charged_octets = beyond;
  bad[2].granted_octets = beyond;
  bad[3].wanted_octets = beyond;
  bad[4].used.octets[1] = beyond;
  bad[5].used.packets[0] = beyond;
  bad[6].account.csp.clear();
  bad[7].account.csp.assign(64, 'x');
  bad[8].account.client.assign(129, 'x');
  for (const UsageReport& report : bad) {
    CHECK_FALSE(store.exchange(relay_a, {good, report}));
    CHECK_FALSE(store.end(relay_a, {good, report}));
  }
  CHECK_FALSE(store.exchange({"a", 0}, {}));
  CHECK_FALSE(store.exchange({"", 1}, {}));
  CHECK_FALSE(store.exchange({std::string(64, 'r'), 1}, {}));
  CHECK(got(store.usage(INT64_MIN)).empty());
  CHECK(got(store.open_incarnations("a")).empty());
}

STORE_TEST("the largest totals are kept to the octet, and sums beyond them refused") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const std::uint64_t limit = TestType::amount_max;
  const std::uint64_t big = limit / 2 + 2;
  CHECK(exchange_one(store, relay_a, Report(acme_video, limit).charged(big).granted(big)) ==
        Grant{big, limit - big, 0, {}});
  const Grant rest = exchange_one(store, relay_b, Report(acme_video, limit).wants(limit));
  CHECK(rest.granted_octets == limit - big);
  CHECK(rest.remaining_octets == 0);
  CHECK(rest.used_by_others_octets == big);
  CHECK(usage_of(store, acme_video).granted_octets == limit);
  CHECK_FALSE(store.exchange(relay_b, {Report(acme_video, limit).charged(big).granted(big)}));
  CHECK_FALSE(store.end(relay_b, {Report(acme_video, limit).charged(big).granted(big)}));
  CHECK(usage_of(store, acme_video).charged_octets == big);
}

STORE_TEST("usage lists accounts from a period on, ordered by key") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  std::vector<UsageReport> reports;
  for (const char* csp : {"b", "a", "a.b", "a-b"})
    for (const MediaType media : {MediaType::data, MediaType::audio})
      for (const broker::UnixSeconds start_s : {20, 0, -5})
        for (const char* client : {"zoë", "", "Zed"})
          reports.push_back(Report({csp, media, start_s, client}, 9).charged(3).granted(3));
  got(store.exchange(relay_a, reports));
  const auto all = got(store.usage(INT64_MIN));
  CHECK(all.size() == reports.size());
  CHECK(std::is_sorted(all.begin(), all.end(),
                       [](const auto& x, const auto& y) { return x.account < y.account; }));
  CHECK(got(store.usage(0)).size() == reports.size() * 2 / 3);
  CHECK(got(store.usage(20)).size() == reports.size() / 3);
  CHECK(got(store.usage(21)).empty());
}

STORE_TEST("names are octets: nothing in them is taken for SQL, a pattern or an end") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  const std::string nul("a\0b", 3);
  std::vector<UsageReport> reports;
  for (const std::string& client : {std::string("'; DROP TABLE accounts; --"), std::string("%"),
                                    std::string("\xff\xfe"), nul, std::string("a")})
    reports.push_back(Report({"acme", MediaType::data, 0, client}, 9).charged(3).granted(3));
  got(store.exchange(relay_a, reports));
  fixture.reopen();
  CHECK(got(fixture.store().usage(0)).size() == reports.size());
  CHECK(usage_of(fixture.store(), {"acme", MediaType::data, 0, nul}).charged_octets == 3);
}

STORE_TEST("revocations last until their time, and the later times win") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  CHECK(store.revoke("csp:acme", 100, 500));
  CHECK(store.revoke("client:tb1.abc", 110, 300));
  CHECK(store.revoke("csp:acme", 90, 400));
  using Revocation = LedgerStore::Revocation;
  CHECK(got(store.revocations(299)) ==
        std::vector<Revocation>{{"client:tb1.abc", 110, 300}, {"csp:acme", 100, 500}});
  CHECK(got(store.revocations(300)) == std::vector<Revocation>{{"csp:acme", 100, 500}});
  CHECK(got(store.revocations(500)).empty());
  CHECK_FALSE(store.revoke("", 1, 2));
  CHECK_FALSE(store.revoke(std::string(broker::revocation_octets_max + 1, 'x'), 1, 2));
  // Revoking something later drops what is over by then.
  CHECK(store.revoke("csp:globex", 450, 600));
  CHECK(got(store.revocations(0)) ==
        std::vector<Revocation>{{"csp:acme", 100, 500}, {"csp:globex", 450, 600}});
}

STORE_TEST("a restart changes nothing") {
  TestType fixture;
  exchange_one(fixture.store(), relay_a,
               Report(acme_video, 100).charged(10).granted(10).wants(30).number(4));
  exchange_one(fixture.store(), relay_b, Report(acme_video, 100).charged(3).granted(3));
  CHECK(fixture.store().end(relay_b, {}));
  CHECK(fixture.store().revoke("csp:x", 1, 1000));
  const auto usage = got(fixture.store().usage(0));
  fixture.reopen();
  CHECK(got(fixture.store().usage(0)) == usage);
  CHECK(got(fixture.store().open_incarnations("a")) == std::vector{relay_a});
  CHECK(got(fixture.store().open_incarnations("b")).empty());
  CHECK(got(fixture.store().revocations(2)).size() == 1);
  // The number of the last report is remembered too.
  CHECK(exchange_one(fixture.store(), relay_a, Report(acme_video, 100).number(4)).granted_octets ==
        40);
}

STORE_TEST("only the newest ended incarnations of a relay are remembered") {
  TestType fixture;
  LedgerStore& store = fixture.store();
  CHECK(store.end({"other", 1}, {}));
  for (std::uint64_t id = 1; id <= broker::ended_incarnations_max + 2; ++id)
    REQUIRE(store.end({"a", id}, {}));
  CHECK(store.exchange({"a", 1}, {}));
  CHECK(store.exchange({"a", 2}, {}));
  CHECK_FALSE(store.exchange({"a", 3}, {}));
  CHECK_FALSE(store.exchange({"a", broker::ended_incarnations_max + 2}, {}));
  CHECK_FALSE(store.exchange({"other", 1}, {}));
}
