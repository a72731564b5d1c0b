#include "broker/quota_period.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

using broker::format_utc;
using broker::parse_duration_s;
using broker::parse_period_kind;
using broker::Period;
using broker::period_at;
using broker::period_name;
using broker::PeriodKind;
using broker::UnixSeconds;

namespace {

constexpr UnixSeconds earliest = std::numeric_limits<UnixSeconds>::min();
constexpr UnixSeconds latest = std::numeric_limits<UnixSeconds>::max();

struct Row {
  UnixSeconds now_s;
  std::string now;
  std::string name;
  std::string start;
  std::string end;
};

void check(PeriodKind kind, const Row& row) {
  CAPTURE(row.now_s);
  const Period period = period_at(kind, row.now_s);
  CHECK(format_utc(row.now_s) == row.now);
  CHECK(period_name(kind, period.start_s) == row.name);
  CHECK(format_utc(period.start_s) == row.start);
  CHECK(format_utc(period.end_s) == row.end);
  CHECK(period.start_s <= row.now_s);
  CHECK(row.now_s < period.end_s);
  // Every moment of a period is in the same one, and the next one joins on.
  CHECK(period_at(kind, period.start_s) == period);
  CHECK(period_at(kind, period.end_s - 1) == period);
  CHECK(period_at(kind, period.end_s).start_s == period.end_s);
}

}  // namespace

TEST_CASE("a month runs from its first to the next one's first second, UTC") {
  const std::vector<Row> table{
      {0, "1970-01-01T00:00:00Z", "1970-01", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"},
      {-1, "1969-12-31T23:59:59Z", "1969-12", "1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"},
      {951'868'799, "2000-02-29T23:59:59Z", "2000-02", "2000-02-01T00:00:00Z",
       "2000-03-01T00:00:00Z"},
      {951'868'800, "2000-03-01T00:00:00Z", "2000-03", "2000-03-01T00:00:00Z",
       "2000-04-01T00:00:00Z"},
      {1'677'628'799, "2023-02-28T23:59:59Z", "2023-02", "2023-02-01T00:00:00Z",
       "2023-03-01T00:00:00Z"},
      {1'709'164'800, "2024-02-29T00:00:00Z", "2024-02", "2024-02-01T00:00:00Z",
       "2024-03-01T00:00:00Z"},
      {1'735'689'599, "2024-12-31T23:59:59Z", "2024-12", "2024-12-01T00:00:00Z",
       "2025-01-01T00:00:00Z"},
      {1'795'149'420, "2026-11-20T04:37:00Z", "2026-11", "2026-11-01T00:00:00Z",
       "2026-12-01T00:00:00Z"},
      {4'107'542'399, "2100-02-28T23:59:59Z", "2100-02", "2100-02-01T00:00:00Z",
       "2100-03-01T00:00:00Z"},
      {253'402'300'799, "9999-12-31T23:59:59Z", "9999-12", "9999-12-01T00:00:00Z",
       "10000-01-01T00:00:00Z"},
      {-62'135'596'801, "0000-12-31T23:59:59Z", "0000-12", "0000-12-01T00:00:00Z",
       "0001-01-01T00:00:00Z"},
      {-62'167'219'201, "-0001-12-31T23:59:59Z", "-0001-12", "-0001-12-01T00:00:00Z",
       "0000-01-01T00:00:00Z"},
  };
  for (const Row& row : table) check(PeriodKind::month, row);
}

TEST_CASE("a day runs from midnight to midnight, UTC") {
  const std::vector<Row> table{
      {0, "1970-01-01T00:00:00Z", "1970-01-01", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"},
      {-1, "1969-12-31T23:59:59Z", "1969-12-31", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
      {-86'401, "1969-12-30T23:59:59Z", "1969-12-30", "1969-12-30T00:00:00Z",
       "1969-12-31T00:00:00Z"},
      {1'709'251'199, "2024-02-29T23:59:59Z", "2024-02-29", "2024-02-29T00:00:00Z",
       "2024-03-01T00:00:00Z"},
      {1'795'149'420, "2026-11-20T04:37:00Z", "2026-11-20", "2026-11-20T00:00:00Z",
       "2026-11-21T00:00:00Z"},
      {253'402'300'799, "9999-12-31T23:59:59Z", "9999-12-31", "9999-12-31T00:00:00Z",
       "10000-01-01T00:00:00Z"},
  };
  for (const Row& row : table) check(PeriodKind::day, row);
}

TEST_CASE("every day of eight hundred years lies in the month that names it") {
  UnixSeconds month_start = period_at(PeriodKind::month, -12'622'780'800).start_s;  // year 1570
  int months = 0;
  for (; months < 800 * 12; ++months) {
    const Period month = period_at(PeriodKind::month, month_start);
    REQUIRE(month.start_s == month_start);
    const UnixSeconds days = (month.end_s - month.start_s) / 86'400;
    REQUIRE((days >= 28 && days <= 31));
    REQUIRE(period_name(PeriodKind::day, month.start_s) ==
            period_name(PeriodKind::month, month.start_s) + "-01");
    REQUIRE(period_name(PeriodKind::day, month.end_s - 1) ==
            period_name(PeriodKind::month, month.start_s) + '-' + std::to_string(days));
    month_start = month.end_s;
  }
  CHECK(format_utc(month_start) == "2370-01-01T00:00:00Z");
}

TEST_CASE("a total lasts from the epoch on for ever") {
  for (UnixSeconds now_s : {earliest, UnixSeconds{0}, latest})
    CHECK(period_at(PeriodKind::total, now_s) == Period{0, broker::period_never_ends});
  CHECK(period_name(PeriodKind::total, 0) == "total");
}

TEST_CASE("the ends of time have periods too") {
  for (PeriodKind kind : {PeriodKind::month, PeriodKind::day}) {
    const Period first = period_at(kind, earliest);
    CHECK(first.start_s == earliest);
    CHECK(first.end_s > earliest);
    CHECK(period_at(kind, first.end_s - 1) == first);
    const Period last = period_at(kind, latest);
    CHECK(last.end_s == latest);
    CHECK(last.start_s < latest);
    CHECK(period_at(kind, last.start_s) == last);
  }
  CHECK(format_utc(latest) == "292277026596-12-04T15:30:07Z");
  CHECK(format_utc(earliest) == "-292277022657-01-27T08:29:52Z");
}

TEST_CASE("the kinds of period are read and written by their names") {
  for (PeriodKind kind : {PeriodKind::month, PeriodKind::day, PeriodKind::total}) {
    const auto result = parse_period_kind(broker::to_string(kind));
    REQUIRE(result);
    CHECK(result.value() == kind);
  }
  for (const std::string text : {"", "Month", "week", "month ", "total\n"}) {
    CAPTURE(text);
    REQUIRE_FALSE(parse_period_kind(text));
  }
  CHECK(parse_period_kind("week").error().message ==
        R"("week" is no period; allowed: "month", "day" or "total")");
}

TEST_CASE("durations are read in seconds, minutes, hours and days") {
  const std::vector<std::pair<std::string, std::int64_t>> table{
      {"1h", 3'600},   {"90s", 90},    {"10m", 600},           {"7d", 604'800},
      {"3600", 3'600}, {"1 h", 3'600}, {"3650d", 315'360'000}, {"1", 1},
  };
  for (const auto& [text, seconds] : table) {
    CAPTURE(text);
    const auto result = parse_duration_s(text);
    REQUIRE(result);
    CHECK(result.value() == seconds);
  }
}

TEST_CASE("a duration that is none is refused and the reason said") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", R"("" does not begin with a number)"},
      {"-1h", R"("-1h" does not begin with a number)"},
      {"h", R"("h" does not begin with a number)"},
      {"1 hour", R"("1 hour" has the unknown unit "hour")"},
      {"1H", R"("1H" has the unknown unit "H")"},
      {"1h30m", R"("1h30m" has the unknown unit "h30m")"},
      {"1.5h", R"("1.5h" is not a whole number)"},
      {"0s", R"("0s" is no time at all)"},
      {"3651d", R"("3651d" is too long)"},
      {"9223372036854775808", R"("9223372036854775808" is too long)"},
      {"99999999999999999999d", R"("99999999999999999999d" is too long)"},
  };
  for (const auto& [text, found] : table) {
    CAPTURE(text);
    const auto result = parse_duration_s(text);
    REQUIRE_FALSE(result);
    CHECK(result.error().message ==
          found + "; allowed: a whole number and s, m, h or d, such as \"1h\", from 1s to 3650d");
  }
}
