// What the tests of webhooks share: CSPs with a webhook, how an account stands, and webhooks that run.
// Owner: each test. Threads: the test's.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "broker/webhook.h"
#include "fake_relay.h"
#include "support/temp_dir.h"
#include "webhook/webhooks.h"
#include "webhook_receiver.h"

namespace webhook_test {

inline constexpr std::int64_t now_s = 1'790'000'000;
inline const broker::Secret secret("webhook-secret-0123456");
using Strings = std::vector<std::string>;

inline void add_csp(broker::Config& config, const std::string& id, const std::string& url) {
  broker::Csp csp;
  csp.id = id;
  for (const auto media : broker::all_media_types) csp.quotas[media].volume = {1'000};
  if (!url.empty())
    csp.webhook = broker::WebhookConfig{url, {secret, broker::Secret("an-older-secret-012345")}};
  config.csps[id] = std::move(csp);
}

inline std::shared_ptr<const broker::Config> one_csp(const std::string& url) {
  auto config = std::make_shared<broker::Config>();
  add_csp(*config, "acme", url);
  return config;
}

/// How an account of 1000 octets stands, as the announcer tells it.
inline plugin::Event standing(std::uint64_t used, const std::string& csp = "acme",
                              broker::MediaType media = broker::MediaType::data) {
  plugin::Event event;
  event.at_ms = now_s * 1'000;
  event.csp = csp;
  event.media = media;
  event.period = "2026-09";
  event.limit_octets = 1'000;
  event.used_octets = used;
  event.exhausted = used >= 1'000;
  return event;
}

/// As one that must be told: it is not merged with the next.
inline plugin::Event step(std::uint64_t used, const std::string& csp = "acme") {
  plugin::Event event = standing(used, csp);
  event.kind = plugin::EventKind::threshold;
  return event;
}

/// "threshold 80", "exhausted 100", "restored": of each message, however often it came.
inline Strings types_of(const std::vector<testing::ReceivedPost>& posts) {
  Strings types;
  std::string last_id;
  for (const auto& post : posts) {
    const auto body = nlohmann::json::parse(post.body);
    if (std::exchange(last_id, body["id"].get<std::string>()) == body["id"]) continue;
    std::string type = body["type"];
    if (body.contains("percent")) type += " " + std::to_string(body["percent"].get<int>());
    types.push_back(type);
  }
  return types;
}

/// Webhooks on an outbox of their own, with a clock that stands.
class Running {
 public:
  explicit Running(const plugin::WebhookLimits& wanted = {}) : limits(wanted) {
    limits.pace = {5, 50};
    limits.store_retry_ms = 20;
  }

  void start(std::shared_ptr<const broker::Config> config) {
    auto started = plugin::Webhooks::start(plugin::Host(host.table()), clock, path(),
                                           std::move(config), limits);
    REQUIRE(started.ok());
    webhooks = std::move(started).value();
  }
  void stop() { webhooks.reset(); }
  [[nodiscard]] std::string path() const {
    return (directory.path() / "webhooks.sqlite3").string();
  }
  /// Messages in the file, while nobody else has it.
  [[nodiscard]] std::size_t stored(const std::string& csp = "acme") const {
    return plugin::Outbox::open(path()).value()->counts().value()[csp];
  }

  testing::FakeHost host;
  testing::TestClock clock{now_s};
  turntest::TempDir directory;
  plugin::WebhookLimits limits;
  std::unique_ptr<plugin::Webhooks> webhooks;
};

}  // namespace webhook_test
