#include "broker/quota_period.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <optional>

#include "decimal_text.h"
#include "printable.h"

namespace broker {

namespace {

constexpr std::int64_t day_s = 86'400;
/// The Gregorian calendar repeats after 400 years, which are this many days.
constexpr std::int64_t cycle_days = 146'097;
constexpr std::int64_t cycle_years = 400;
constexpr std::int64_t duration_max_s = 10 * 365 * day_s;

std::int64_t floor_div(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

/// A day as the calendar of 1970 .. 2369 has it, and how many cycles away from that. std::chrono's
/// years end at 32767; times read from elsewhere need not.
struct CycleDay {
  std::int64_t cycles;
  std::chrono::year_month_day date;

  explicit CycleDay(UnixSeconds time_s) {
    const std::int64_t days = floor_div(time_s, day_s);
    cycles = floor_div(days, cycle_days);
    date = std::chrono::sys_days{std::chrono::days{days - cycles * cycle_days}};
  }
  [[nodiscard]] std::int64_t year() const { return int{date.year()} + cycles * cycle_years; }
  [[nodiscard]] unsigned month() const { return unsigned{date.month()}; }
  [[nodiscard]] unsigned day() const { return unsigned{date.day()}; }
};

/// Seconds of a number of days, held at the ends of the range of UnixSeconds.
UnixSeconds seconds_of_days(std::int64_t days) {
  constexpr UnixSeconds lowest = std::numeric_limits<UnixSeconds>::min();
  constexpr UnixSeconds highest = std::numeric_limits<UnixSeconds>::max();
  if (days < lowest / day_s) return lowest;
  if (days > highest / day_s) return highest;
  return days * day_s;
}

Period day_at(UnixSeconds now_s) {
  const std::int64_t days = floor_div(now_s, day_s);
  return {seconds_of_days(days), seconds_of_days(days + 1)};
}

Period month_at(UnixSeconds now_s) {
  const CycleDay today(now_s);
  const std::chrono::year_month month{today.date.year(), today.date.month()};
  const auto days_until = [&](std::chrono::year_month which) {
    const std::chrono::sys_days first{which / std::chrono::day{1}};
    return today.cycles * cycle_days + first.time_since_epoch().count();
  };
  return {seconds_of_days(days_until(month)),
          seconds_of_days(days_until(month + std::chrono::months{1}))};
}

std::string year_text(std::int64_t year) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), year < 0 ? "%05lld" : "%04lld",
                static_cast<long long>(year));
  return text.data();
}

std::string two_digits(std::int64_t value) {
  const std::string text = std::to_string(value);
  return text.size() < 2 ? '0' + text : text;
}

std::string month_text(const CycleDay& day) {
  return year_text(day.year()) + '-' + two_digits(day.month());
}

std::string day_text(const CycleDay& day) { return month_text(day) + '-' + two_digits(day.day()); }

std::optional<std::uint64_t> duration_unit_s(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3'600;
  if (unit == "d") return 86'400;
  return std::nullopt;
}

std::optional<std::uint64_t> duration_unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  const std::optional<std::uint64_t> unit_s = duration_unit_s(unit);
  if (!unit_s) return std::nullopt;
  return *unit_s * 1'000;
}

/// A whole number of what `unit_of` says its unit is, at most `max`.
template <typename UnitOf>
Result<std::int64_t> parse_duration(std::string_view text, const UnitOf& unit_of, std::uint64_t max,
                                    std::string_view allowed) {
  const auto wrong = [&](std::string_view what) {
    return Error{quoted(text) + std::string(what) + "; allowed: a whole number and " +
                 std::string(allowed)};
  };
  const std::optional<DecimalText> number = split_decimal(text);
  if (!number) return wrong(" does not begin with a number");
  const std::optional<std::uint64_t> unit = unit_of(number->rest);
  if (!unit) return wrong(" has the unknown unit " + quoted(number->rest));
  if (!number->fraction.empty()) return wrong(" is not a whole number");
  const ScaledDecimal scaled = scale_decimal(*number, *unit, max);
  if (scaled.outcome != ScaledDecimal::Outcome::exact) return wrong(" is too long");
  if (scaled.value == 0) return wrong(" is no time at all");
  return static_cast<std::int64_t>(scaled.value);
}

}  // namespace

Period period_at(PeriodKind kind, UnixSeconds now_s) {
  switch (kind) {
    case PeriodKind::month: return month_at(now_s);
    case PeriodKind::day: return day_at(now_s);
    case PeriodKind::total: break;
  }
  return {0, period_never_ends};
}

std::string period_name(PeriodKind kind, UnixSeconds start_s) {
  switch (kind) {
    case PeriodKind::month: return month_text(CycleDay(start_s));
    case PeriodKind::day: return day_text(CycleDay(start_s));
    case PeriodKind::total: break;
  }
  return "total";
}

std::string_view to_string(PeriodKind kind) {
  switch (kind) {
    case PeriodKind::month: return "month";
    case PeriodKind::day: return "day";
    case PeriodKind::total: break;
  }
  return "total";
}

Result<PeriodKind> parse_period_kind(std::string_view text) {
  for (PeriodKind kind : {PeriodKind::month, PeriodKind::day, PeriodKind::total})
    if (text == to_string(kind)) return kind;
  return Error{quoted(text) + " is no period; allowed: \"month\", \"day\" or \"total\""};
}

std::string format_utc(UnixSeconds time_s) {
  const std::int64_t second = (time_s % day_s + day_s) % day_s;
  return day_text(CycleDay(time_s)) + 'T' + two_digits(second / 3600) + ':' +
         two_digits(second / 60 % 60) + ':' + two_digits(second % 60) + 'Z';
}

Result<std::int64_t> parse_duration_s(std::string_view text) {
  return parse_duration(text, duration_unit_s, duration_max_s,
                        "s, m, h or d, such as \"1h\", from 1s to 3650d");
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  return parse_duration(text, duration_unit_ms, duration_max_s * 1'000,
                        "ms, s, m, h or d, such as \"250ms\", from 1ms to 3650d");
}

}  // namespace broker
