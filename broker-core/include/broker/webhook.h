// What of webhooks needs no network: the signature of a message and the time to the next try.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/quota_period.h"
#include "broker/secret.h"

namespace broker {

/// "v1=" and the hex HMAC-SHA256 of "TIMESTAMP.BODY": what a receiver compares, after it has seen
/// that the timestamp is not old. Nothing when OpenSSL cannot compute it.
[[nodiscard]] std::optional<std::string> webhook_signature(const Secret& secret,
                                                           UnixSeconds timestamp_s,
                                                           std::string_view body);

struct RetryPace {
  std::int64_t first_ms = 1'000;     ///< >= 1
  std::int64_t most_ms = 3'600'000;  ///< >= first_ms
};

/// How long to wait after the `failures`-th failure in a row (1, 2, ...): first_ms doubled each time,
/// at most most_ms, of that between a half and all. `random` decides; any number.
[[nodiscard]] std::int64_t retry_delay_ms(const RetryPace& pace, std::uint32_t failures,
                                          std::uint64_t random);

}  // namespace broker
