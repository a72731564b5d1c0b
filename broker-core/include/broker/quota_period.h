// The periods a quota is counted in. All boundaries are UTC.
// Owner: values. Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/result.h"

namespace broker {

enum class PeriodKind : std::uint8_t { month, day, total };

/// Seconds since 1970-01-01T00:00:00Z.
using UnixSeconds = std::int64_t;

/// [start_s, end_s). For PeriodKind::total start_s is 0 and end_s is period_never_ends.
struct Period {
  UnixSeconds start_s = 0;
  UnixSeconds end_s = 0;
  friend bool operator==(const Period&, const Period&) = default;
};

inline constexpr UnixSeconds period_never_ends = INT64_MAX;

/// The period that now_s (any value) lies in.
[[nodiscard]] Period period_at(PeriodKind kind, UnixSeconds now_s);

/// "2026-11", "2026-11-20" or "total".
[[nodiscard]] std::string period_name(PeriodKind kind, UnixSeconds start_s);

/// Exactly "month", "day" or "total".
[[nodiscard]] Result<PeriodKind> parse_period_kind(std::string_view text);
[[nodiscard]] std::string_view to_string(PeriodKind kind);

/// "2026-11-20T04:37:00Z".
[[nodiscard]] std::string format_utc(UnixSeconds time_s);

/// "1h", "90s", "10m", "7d", "3600" (seconds); 1 .. 10 years.
[[nodiscard]] Result<std::int64_t> parse_duration_s(std::string_view text);

/// The same and "250ms", in milliseconds; a number without a unit still means seconds.
[[nodiscard]] Result<std::int64_t> parse_duration_ms(std::string_view text);

}  // namespace broker
