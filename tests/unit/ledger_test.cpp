#include "broker/ledger.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using broker::AccountKey;
using broker::decide_grant;
using broker::GrantSize;
using broker::MediaType;
using broker::octets_max;
using broker::OthersTotals;
using broker::remaining_after;
using broker::settle_report;
using broker::Share;
using broker::UsageReport;
using broker::wanted_octets;
using Catch::Matchers::Contains;

namespace {

UsageReport report(std::uint64_t limit, std::uint64_t charged, std::uint64_t granted,
                   std::uint64_t wanted, std::uint64_t sequence = 0) {
  return {{"acme", MediaType::video, 0, ""}, limit, {}, charged, granted, wanted, sequence};
}

OthersTotals others(std::uint64_t granted) { return {granted, 0, {}}; }

}  // namespace

TEST_CASE("what is wanted is granted as far as it is left") {
  CHECK(decide_grant(report(100, 0, 0, 30), others(0)) == 30);
  CHECK(decide_grant(report(100, 10, 20, 30), others(0)) == 50);
  CHECK(decide_grant(report(100, 10, 20, 30), others(60)) == 40);
  CHECK(decide_grant(report(100, 10, 40, 30), others(60)) == 40);
  CHECK(decide_grant(report(100, 0, 0, 0), others(0)) == 0);
  CHECK(decide_grant(report(0, 0, 0, 5), others(0)) == 0);
}

TEST_CASE("a lowered limit calls grants back, but not below what was charged") {
  CHECK(decide_grant(report(50, 20, 40, 30), others(20)) == 30);
  CHECK(decide_grant(report(50, 20, 40, 30), others(45)) == 20);
  CHECK(decide_grant(report(50, 20, 40, 30), others(1000)) == 20);
  CHECK(decide_grant(report(0, 0, 40, 30), others(0)) == 0);
}

TEST_CASE("more charged than granted counts as granted") {
  CHECK(decide_grant(report(100, 30, 10, 5), others(0)) == 35);
  CHECK(decide_grant(report(100, 130, 10, 5), others(0)) == 130);
}

TEST_CASE("the largest amounts do not overflow") {
  CHECK(decide_grant(report(octets_max, 0, 0, octets_max), others(0)) == octets_max);
  CHECK(decide_grant(report(octets_max, octets_max, octets_max, octets_max), others(octets_max)) ==
        octets_max);
  CHECK(decide_grant(report(octets_max, 1, 1, octets_max), others(octets_max - 1)) == 1);
  CHECK(remaining_after(octets_max, octets_max, others(octets_max)) == 0);
  CHECK(remaining_after(octets_max, 0, others(0)) == octets_max);
}

TEST_CASE("what remains is the limit less all grants, at least nothing") {
  CHECK(remaining_after(100, 30, others(20)) == 50);
  CHECK(remaining_after(100, 80, others(20)) == 0);
  CHECK(remaining_after(100, 80, others(21)) == 0);
  CHECK(remaining_after(100, 0, others(101)) == 0);
}

TEST_CASE("what a relay keeps is recorded until it reports that it kept less") {
  const auto settled = settle_report({}, report(50, 20, 40, 0), others(20));
  CHECK(settled.grant.granted_octets == 30);
  CHECK(settled.share.granted_octets == 40);
  CHECK(settled.grant.remaining_octets == 0);
  const auto given_back = settle_report(settled.share, report(50, 22, 30, 0), others(20));
  CHECK(given_back.share.granted_octets == 30);
}

TEST_CASE("a numbered report counts once, and only if none newer came before") {
  const auto first = settle_report({}, report(1000, 5, 10, 20, 7), others(0));
  CHECK(first.share == Share{{}, 5, 30, 7});
  for (const std::uint64_t sequence : {1, 6, 7}) {
    const auto late = settle_report(first.share, report(1000, 2, 2, 500, sequence), others(0));
    CHECK(late.share == first.share);
    CHECK(late.grant.granted_octets == 30);
    CHECK(late.grant.remaining_octets == 970);
  }
  CHECK(settle_report(first.share, report(1000, 4, 8, 0, 8), others(0)).share ==
        Share{{}, 4, 8, 8});
}

TEST_CASE("totals without a number only grow, each by itself") {
  UsageReport later = report(1000, 4, 0, 0);
  later.used = {{9, 1}, {1, 9}};
  const auto settled = settle_report({{{5, 5}, {5, 5}}, 6, 6, 3}, later, others(0));
  CHECK(settled.share == Share{{{9, 5}, {5, 9}}, 6, 6, 3});
}

TEST_CASE("of an incarnation that left nothing, all that it was granted is charged") {
  CHECK(broker::written_off_share({{{9, 5}, {5, 9}}, 6, 60, 3}) ==
        Share{{{9, 5}, {5, 9}}, 60, 60, 3});
  CHECK(broker::written_off_share({}) == Share{});
}

TEST_CASE("the end of an incarnation returns what was not used") {
  const Share stored{{{9, 5}, {5, 9}}, 6, 60, 3};
  CHECK(end_share(stored, nullptr) == Share{{{9, 5}, {5, 9}}, 6, 6, 3});
  const UsageReport last = report(1, 8, 100, 100, 4);
  CHECK(end_share(stored, &last) == Share{{}, 8, 8, 4});
  const UsageReport late = report(1, 1, 100, 100, 2);
  CHECK(end_share(stored, &late).charged_octets == 6);
}

TEST_CASE("a report out of bounds is refused with the account and the amount") {
  CHECK(check_report(report(octets_max, octets_max, octets_max, octets_max, octets_max)));
  UsageReport bad = report(octets_max + 1, 0, 0, 0);
  CHECK_THAT(check_report(bad).error().message,
             Contains("acme/video/") && Contains("limit_octets is 9223372036854775808"));
  bad = report(0, 0, 0, 0, UINT64_MAX);
  CHECK_FALSE(check_report(bad));
  bad = report(0, 0, 0, 0);
  bad.account.media = static_cast<MediaType>(9);
  CHECK_FALSE(check_report(bad));
}

TEST_CASE("asked for is enough for the refill time, within bounds") {
  const GrantSize size{100, 1000, 4.0};
  CHECK(wanted_octets(size, 0, 0) == 100);
  CHECK(wanted_octets(size, 0, 24) == 100);
  CHECK(wanted_octets(size, 0, 50) == 200);
  CHECK(wanted_octets(size, 0, 50.1) == 201);
  CHECK(wanted_octets(size, 0, 250) == 1000);
  CHECK(wanted_octets(size, 0, 1e300) == 1000);
}

TEST_CASE("nothing is asked for while more than half is unspent") {
  const GrantSize size{100, 1000, 4.0};
  CHECK(wanted_octets(size, 50, 0) == 100);
  CHECK(wanted_octets(size, 51, 0) == 0);
  CHECK(wanted_octets(size, 100, 50) == 200);
  CHECK(wanted_octets(size, 101, 50) == 0);
  CHECK(wanted_octets(size, UINT64_MAX, 1e300) == 0);
}

TEST_CASE("a rate that is no rate asks for the least or the most, and never overflows") {
  const GrantSize size{100, 1000, 4.0};
  CHECK(wanted_octets(size, 0, -5) == 100);
  CHECK(wanted_octets(size, 0, std::nan("")) == 100);
  CHECK(wanted_octets(size, 0, std::numeric_limits<double>::infinity()) == 1000);
  CHECK(wanted_octets(size, 0, -std::numeric_limits<double>::infinity()) == 100);
  const GrantSize boundless{1, UINT64_MAX, 4.0};
  CHECK(wanted_octets(boundless, 0, 1e300) == UINT64_MAX);
  const GrantSize crossed{1000, 100, 4.0};
  CHECK(wanted_octets(crossed, 0, 1) == 100);
}
