#include "broker/webhook.h"

#include <catch2/catch.hpp>

using broker::retry_delay_ms;
using broker::RetryPace;
using broker::Secret;
using broker::webhook_signature;

TEST_CASE("a webhook's signature is what any HMAC-SHA256 says of its timestamp and body") {
  // printf '1790000000.{"a":1}' | openssl dgst -sha256 -hmac webhook-secret-0123
  CHECK(webhook_signature(Secret("webhook-secret-0123"), 1'790'000'000, "{\"a\":1}") ==
        "v1=c1a56ec73d4853d7128fe9a05137d9ebb5e1ca55a096cf74268e23d62d998718");
}

TEST_CASE("a webhook's signature covers the timestamp, the body and the secret") {
  const auto signature = webhook_signature(Secret("webhook-secret-0123"), 1, "body");
  REQUIRE(signature);
  CHECK(webhook_signature(Secret("webhook-secret-0124"), 1, "body") != signature);
  CHECK(webhook_signature(Secret("webhook-secret-0123"), 2, "body") != signature);
  CHECK(webhook_signature(Secret("webhook-secret-0123"), 1, "bodY") != signature);
}

TEST_CASE("tries get rarer, from a second to an hour, and never all at the same moment") {
  const RetryPace pace;
  CHECK(retry_delay_ms(pace, 1, 0) == 1'000);
  CHECK(retry_delay_ms(pace, 2, 0) == 2'000);
  CHECK(retry_delay_ms(pace, 11, 0) == 1'024'000);
  CHECK(retry_delay_ms(pace, 13, 0) == 3'600'000);
  CHECK(retry_delay_ms(pace, UINT32_MAX, 0) == 3'600'000);
  CHECK(retry_delay_ms(pace, 1, 500) == 500);
  CHECK(retry_delay_ms(pace, 1, 501) == 1'000);
  for (std::uint32_t failures = 0; failures < 20; ++failures)
    for (std::uint64_t random : {std::uint64_t{0}, std::uint64_t{12'345}, UINT64_MAX}) {
      const auto whole = retry_delay_ms(pace, failures, 0);
      const auto delay = retry_delay_ms(pace, failures, random);
      CHECK(delay <= whole);
      CHECK(delay >= whole / 2);
    }
  CHECK(retry_delay_ms({1, 1}, 5, 7) >= 0);
  CHECK(retry_delay_ms({INT64_MAX / 2, INT64_MAX}, 9, 0) == INT64_MAX);
}
