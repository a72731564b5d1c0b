// What the books of a ledger may not say, each damage planted into books that are sound.
#include "broker/ledger_audit.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>

using namespace broker;
using Catch::Matchers::Contains;
using Kind = FindingKind;

namespace {

const Incarnation relay_a{"a", 0xA1};
const Incarnation relay_b{"b", 0xB1};
const AccountKey acme{"acme", MediaType::video, 1'793'491'200, ""};

Share share(std::uint64_t charged, std::uint64_t granted) {
  Share out;
  out.used.octets = {charged, 5};
  out.used.packets = {1, 1};
  out.charged_octets = charged;
  out.granted_octets = granted;
  out.sequence = 3;
  return out;
}

/// Relay a has used 100 of 150 granted, b 40 of 40, and ended incarnations 60 before them.
AccountBooks sound_books() {
  AccountBooks books;
  books.account = acme;
  books.totals = share(200, 250);
  books.totals.used.octets = {200, 15};
  books.totals.used.packets = {5, 5};
  books.holders = 1;
  books.shares = {{relay_a, share(100, 150)}, {relay_b, share(40, 40)}};
  return books;
}

AuditContext context() {
  AuditContext out;
  out.self = relay_a;
  out.limit_octets = 1'000;
  out.limit_highest_octets = 1'000;
  out.own = OwnShare{105, 105, 105, 150};
  return out;
}

std::vector<Kind> kinds_of(const std::vector<Finding>& found) {
  std::vector<Kind> kinds;
  for (const Finding& finding : found) kinds.push_back(finding.kind);
  return kinds;
}

/// The only finding.
Finding only(const AccountBooks& books, const AuditContext& of = context()) {
  const auto found = audit_account(books, of);
  REQUIRE(found.size() == 1);
  CHECK(found[0].account == acme);
  return found[0];
}

}  // namespace

TEST_CASE("books that add up have no findings") {
  CHECK(audit_account(sound_books(), context()).empty());
  AccountBooks fresh;
  fresh.account = acme;
  CHECK(audit_account(fresh, {}).empty());
}

TEST_CASE("a total below the shares' sum is found, whichever amount it is") {
  AccountBooks books = sound_books();
  SECTION("packets") {
    books.totals.used.packets[1] = 1;
    CHECK_THAT(only(books).text, Contains("packets towards clients is 1") && Contains("2"));
  }
  SECTION("octets") {
    books.totals.used.octets[1] = 9;
    CHECK_THAT(only(books).text, Contains("octets towards clients is 9") && Contains("come to 10"));
  }
  CHECK(is_fault(only(books).kind));
}

TEST_CASE("totals that have lost a grant say how much may be granted twice") {
  AccountBooks books = sound_books();
  books.totals.granted_octets = 230;
  const Finding finding = only(books);
  CHECK(finding.kind == Kind::unspent_of_nobody);
  CHECK_THAT(finding.text, Contains("20 octets may be granted twice"));
}

TEST_CASE("a grant that no share holds is found") {
  AccountBooks books = sound_books();
  books.totals.granted_octets = 280;
  CHECK_THAT(only(books).text, Contains("30 octets are granted to nobody"));
  books = sound_books();
  books.shares.erase(books.shares.begin());
  AuditContext of = context();
  of.own.reset();
  CHECK(kinds_of(audit_account(books, of)) ==
        std::vector{Kind::unspent_of_nobody, Kind::holders_miscounted});
}

TEST_CASE("the number of holders is compared where a store counts them") {
  AccountBooks books = sound_books();
  books.holders = 2;
  CHECK(only(books).kind == Kind::holders_miscounted);
  books.holders.reset();
  CHECK(audit_account(books, context()).empty());
}

TEST_CASE("a share with less granted than charged, or more charged than relayed, is found") {
  AccountBooks books = sound_books();
  books.shares[1].share.granted_octets = 39;
  auto found = audit_account(books, context());
  CHECK(kinds_of(found) == std::vector{Kind::granted_below_charged});
  CHECK(found[0].relay == "b");
  books = sound_books();
  books.shares[1].share.used.octets = {30, 5};
  CHECK_THAT(only(books).text, Contains("relay b (incarnation 00000000000000b1)") &&
                                   Contains("40 octets charged") && Contains("35 relayed"));
}

TEST_CASE("the totals alone may be wrong in the same ways") {
  AccountBooks books;
  books.account = acme;
  books.totals = share(50, 40);
  CHECK(only(books, {}).kind == Kind::granted_below_charged);
  books.totals = share(50, 50);
  books.totals.used.octets = {0, 0};
  CHECK(only(books, {}).kind == Kind::charged_beyond_used);
}

TEST_CASE("more granted than the limit is a fault unless there is a reason for it") {
  AuditContext of = context();
  of.limit_octets = 249;
  of.limit_highest_octets = 249;
  CHECK(only(sound_books(), of).kind == Kind::granted_beyond_limit);
  CHECK_THAT(only(sound_books(), of).text, Contains("250 octets are granted, 200 of them used"));
  of.limit_octets = 250;
  CHECK(audit_account(sound_books(), of).empty());

  of.limit_octets = 100;
  of.limit_highest_octets = 300;
  const Finding lowered = only(sound_books(), of);
  CHECK(lowered.kind == Kind::limit_was_lowered);
  CHECK_FALSE(is_fault(lowered.kind));
  CHECK_THAT(lowered.text, Contains("it was 300"));
  of.limit_highest_octets = 100;
  of.may_go_beyond = true;
  CHECK_THAT(only(sound_books(), of).text, Contains("on_store_loss"));
  of.limit_octets.reset();
  CHECK(audit_account(sound_books(), of).empty());
}

TEST_CASE("shares of incarnations that are not open, and what is not listed, are found") {
  AccountBooks books = sound_books();
  books.shares[1].state = IncarnationState::ended;
  CHECK(only(books).kind == Kind::share_of_ended);
  books.shares[1].state = IncarnationState::unknown;
  CHECK(only(books).kind == Kind::share_of_unknown);
  books = sound_books();
  books.shares[0].listed = false;
  CHECK(only(books).kind == Kind::share_not_listed);
  CHECK_THAT(only(books).text, Contains("50 octets"));
  books = sound_books();
  books.listed = false;
  CHECK(only(books).kind == Kind::account_not_listed);
}

TEST_CASE("what cannot be read is said, and no sums are made of it") {
  AccountBooks books = sound_books();
  books.totals = {};
  books.damage = {"its field g is \"lots\", which is no amount"};
  const Finding finding = only(books);
  CHECK(finding.kind == Kind::damaged);
  CHECK(finding.text == books.damage[0]);
}

TEST_CASE("a relay's own share must be what it has reported") {
  AuditContext of = context();
  SECTION("more was relayed since: a note") {
    of.own->used_octets = 125;
    const Finding finding = only(sound_books(), of);
    CHECK(finding.kind == Kind::not_reported);
    CHECK_FALSE(is_fault(finding.kind));
    CHECK(finding.relay == "a");
    CHECK_THAT(finding.text, Contains("20 octets since it last reported"));
  }
  SECTION("a report is on its way: either is right") {
    of.own = OwnShare{90, 130, 130, 0};
    CHECK(only(sound_books(), of).kind == Kind::not_reported);
    of.own = OwnShare{90, 105, 105, 0};
    CHECK(audit_account(sound_books(), of).empty());
  }
  SECTION("the ledger holds less than was reported") {
    of.own = OwnShare{106, 106, 106, 150};
    CHECK_THAT(only(sound_books(), of).text,
               Contains("has reported 106 octets") && Contains("105"));
    CHECK(only(sound_books(), of).kind == Kind::own_share_differs);
  }
  SECTION("the ledger holds more than was reported") {
    of.own = OwnShare{104, 104, 104, 150};
    CHECK(only(sound_books(), of).kind == Kind::own_share_differs);
  }
  SECTION("the ledger has no share of it") {
    of.self = {"c", 0xC1};
    CHECK(only(sound_books(), of).kind == Kind::own_share_missing);
    of.own = OwnShare{};
    CHECK(audit_account(sound_books(), of).empty());
  }
  SECTION("it holds more than the ledger has granted it") {
    of.own->granted_octets = 151;
    CHECK(only(sound_books(), of).kind == Kind::own_grant_unknown);
  }
}

TEST_CASE("amounts at the end of their range do not wrap") {
  AccountBooks books = sound_books();
  books.totals.granted_octets = octets_max;
  books.totals.charged_octets = octets_max;
  books.totals.used.octets = {octets_max, octets_max};
  books.shares[0].share.granted_octets = octets_max;
  books.shares[0].share.charged_octets = octets_max;
  books.shares[0].share.used.octets = {octets_max, octets_max};
  books.holders = 0;
  AuditContext of = context();
  of.own.reset();
  of.limit_octets = octets_max;
  CHECK(audit_account(books, of).empty());
}

TEST_CASE("open incarnations are compared with the relays that tell of themselves") {
  AccountBooks books = sound_books();
  books.shares.push_back({{"c", 0xC2}, share(0, 70), IncarnationState::ended});
  OpenHoldings holdings;
  add_holdings(books, holdings);
  add_holdings(books, holdings);
  CHECK(holdings == OpenHoldings{{relay_a, 100}, {relay_b, 0}});

  CHECK(audit_incarnations(holdings, std::vector{relay_a, relay_b}).empty());
  CHECK(audit_incarnations(holdings, std::vector{relay_a, Incarnation{"b", 0}}).empty());
  const auto gone = audit_incarnations(holdings, std::vector{relay_b});
  REQUIRE(kinds_of(gone) == std::vector{Kind::relay_gone});
  CHECK_FALSE(is_fault(Kind::relay_gone));
  CHECK(gone[0].relay == "a");
  CHECK_THAT(gone[0].text, Contains("100 octets unspent"));
  const auto other = audit_incarnations(holdings, std::vector{relay_a, Incarnation{"b", 0xB2}});
  REQUIRE(kinds_of(other) == std::vector{Kind::other_incarnation});
  CHECK_THAT(other[0].text, Contains("00000000000000b1") && Contains("00000000000000b2"));
}

TEST_CASE("every kind of finding has a name of its own") {
  std::set<std::string_view> names;
  int kinds = 0;
  for (; kinds <= static_cast<int>(Kind::own_not_checked); ++kinds)
    names.insert(to_string(static_cast<Kind>(kinds)));
  CHECK(names.size() == static_cast<std::size_t>(kinds));
  CHECK_FALSE(names.contains(""));
}

TEST_CASE("an account is named so that people know it") {
  CHECK(account_text(acme) == "acme/video since 2026-11-01T00:00:00Z");
  CHECK(account_text({"acme", MediaType::data, 0, "al\nice"}) ==
        "acme/data in total client al\\nice");
}
