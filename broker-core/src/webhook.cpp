#include "broker/webhook.h"

#include <algorithm>

#include "broker/hex.h"
#include "broker/mac.h"

namespace broker {

std::optional<std::string> webhook_signature(const Secret& secret, UnixSeconds timestamp_s,
                                             std::string_view body) {
  const auto mac =
      hmac_sha256(secret.reveal(), std::to_string(timestamp_s) + "." + std::string(body));
  if (!mac) return std::nullopt;
  return "v1=" + hex_encode({mac->data(), mac->size()});
}

std::int64_t retry_delay_ms(const RetryPace& pace, std::uint32_t failures, std::uint64_t random) {
  std::int64_t delay = pace.first_ms;
  for (std::uint32_t i = 1; i < failures && delay < pace.most_ms; ++i)
    delay = delay > pace.most_ms / 2 ? pace.most_ms : delay * 2;
  delay = std::min(delay, pace.most_ms);
  const auto spread = static_cast<std::uint64_t>(delay / 2 + 1);
  return delay - static_cast<std::int64_t>(random % spread);
}

}  // namespace broker
