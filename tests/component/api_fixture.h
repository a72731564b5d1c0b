// What the tests of the HTTP API share: handlers called directly, with a standing, a clock and a broker
// thread of the test's own.
// Owner: each test. Threads: one.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/api_context.h"
#include "api/routes.h"
#include "api/thread_loop.h"
#include "broker/quota_period.h"
#include "ctl_fixture.h"
#include "http/router.h"

namespace api_test {

using plugin::http::Json;
using plugin::http::NamedValues;
using plugin::http::Request;
using plugin::http::Response;

inline constexpr std::int64_t start_s = 1'790'000'000;
inline const std::string acme_key = "acme-api-key-0123456789";
inline const std::string globex_key = "globex-api-key-0123456789";
inline const std::string admin_token = "admin-token-0123456789";
inline const std::string metrics_token = "metrics-token-0123456789";
inline const std::string acme_origin = "https://app.acme.example";
inline const std::string globex_origin = "https://globex.example:8443";

/// Both clocks stand still unless the test moves them.
class SetClock final : public plugin::Clock {
 public:
  std::int64_t now_ms = start_s * 1000;
  [[nodiscard]] std::int64_t unix_ms() const override { return now_ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
};

/// Keeps the work until the test lets it run.
class FakeDesk final : public plugin::BrokerDesk {
 public:
  bool full = false;
  std::deque<std::function<void(plugin::Control&)>> work;
  bool post(std::function<void(plugin::Control&)> each) override {
    if (!full) work.push_back(std::move(each));
    return !full;
  }
};

/// "acme": video and data, a key and an origin; "globex": audio alone, another key and origin;
/// "native": data, neither key nor origin; "open": data, any origin.
inline broker::Config sample_config() {
  broker::Config config;
  config.secrets = {broker::Secret("broker-secret-number-1")};
  config.relay.id = "relay-1";
  config.relay.urls = {"turns:192.0.2.1:5349", "turn:192.0.2.1:3478?transport=tcp",
                       "turn:192.0.2.1:3478?transport=udp"};
  config.http.admin_tokens = {broker::Secret("another-admin-token-0"), broker::Secret(admin_token)};
  config.http.metrics_tokens = {broker::Secret(metrics_token)};
  config.http.requests_per_address = 1'000;
  config.http.requests_per_csp = 1'000;
  const auto add = [&](const std::string& id, std::initializer_list<broker::MediaType> media) {
    broker::Csp& csp = config.csps[id];
    csp.id = csp.name = id;
    for (const auto each : media) csp.quotas[each].volume = broker::Octets{1'000'000};
    return &csp;
  };
  auto* acme = add("acme", {broker::MediaType::video, broker::MediaType::data});
  acme->api_keys = {broker::Secret("acme-older-key-0123456789"), broker::Secret(acme_key)};
  acme->allowed_origins = {acme_origin};
  auto* globex = add("globex", {broker::MediaType::audio});
  globex->api_keys = {broker::Secret(globex_key)};
  globex->allowed_origins = {globex_origin};
  add("native", {broker::MediaType::data});
  add("open", {broker::MediaType::data})->allowed_origins = {"*"};
  return config;
}

/// The whole router, without a server.
class Api {
 public:
  Api() : base_(event_base_new()), loop_(std::make_shared<plugin::ThreadLoop>(base_.get())) {
    plugin::add_api_routes(router_, context_, loop_);
    publish();
  }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
  ~Api() { loop_->detach(); }

  broker::Config config = sample_config();
  plugin::Standing standing;  ///< accounts and config are filled in by publish()
  SetClock clock;
  FakeDesk desk;
  plugin::FleetView fleet{clock};
  ctl_test::FakeControl control;

  [[nodiscard]] plugin::ApiContext& context() { return context_; }

  /// After a change of `config` or `standing`.
  void publish() {
    auto next = std::make_shared<plugin::Standing>(standing);
    next->config = std::make_shared<const broker::Config>(config);
    for (const auto& [id, csp] : config.csps)
      for (const auto& [media, quota] : csp.quotas) {
        auto& account = next->accounts[id][static_cast<std::size_t>(media)];
        if (!account)
          account = plugin::AccountStanding{.limit_octets = quota.volume.count,
                                            .used_octets = 0,
                                            .exhausted = false,
                                            .period = "2026-09",
                                            .period_end_s = 1'790'812'800};
      }
    board_.publish(std::move(next));
  }

  void exhaust(const std::string& csp, broker::MediaType media, std::uint64_t used_octets,
               broker::UnixSeconds period_end_s = 1'790'812'800) {
    standing.accounts[csp][static_cast<std::size_t>(media)] =
        plugin::AccountStanding{.limit_octets = 1'000'000,
                                .used_octets = used_octets,
                                .exhausted = true,
                                .period = period_end_s == 0 ? "total" : "2026-09",
                                .period_end_s = period_end_s};
    publish();
  }

  /// The answer of any route; of an admin route once `control` has answered.
  Response ask(const Request& request) {
    std::optional<Response> later;
    auto outcome = router_.route(
        request, [&later] { return [&later](Response response) { later = std::move(response); }; });
    if (auto* response = std::get_if<Response>(&outcome)) return std::move(*response);
    while (!later && !desk.work.empty()) {
      desk.work.front()(control);
      desk.work.pop_front();
      event_base_loop(base_.get(), EVLOOP_NONBLOCK);
    }
    REQUIRE(later);
    return std::move(*later);
  }

  Response get(const std::string& path, const std::string& query, NamedValues headers = {}) {
    return ask(request("GET", path, query, std::move(headers)));
  }
  Response post(const std::string& path, const std::string& body, NamedValues headers = {},
                const std::string& type = "application/json") {
    Request out = request("POST", path, "", std::move(headers));
    out.headers.emplace_back("Content-Type", type);
    out.body = body;
    return ask(out);
  }

  static Request request(const std::string& method, const std::string& path,
                         const std::string& query, NamedValues headers = {}) {
    Request out;
    out.method = method;
    out.path = path;
    out.query = query;
    out.headers = std::move(headers);
    out.remote_address = "192.0.2.77";
    return out;
  }

 private:
  plugin::StandingBoard board_;
  plugin::ApiContext context_{.board = board_, .clock = clock, .desk = desk, .fleet = fleet};
  plugin::http::EventBaseHandle base_;
  std::shared_ptr<plugin::ThreadLoop> loop_;
  plugin::http::Router router_;
};

inline NamedValues bearer(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }
inline NamedValues from(const std::string& origin) { return {{"Origin", origin}}; }

inline std::string header(const Response& response, const std::string& name) {
  std::string value;
  for (const auto& [key, text] : response.headers)
    if (key == name) value += (value.empty() ? "" : ", ") + text;
  return value;
}

/// The body of a 200.
inline Json body(const Response& response) {
  INFO(response.body);
  REQUIRE(response.status == 200);
  CHECK(response.content_type == "application/json");
  CHECK(header(response, "Cache-Control") == "no-store");
  return Json::parse(response.body);
}

/// A problem document of that type; its status is right.
inline Json problem(const Response& response, const std::string& name, int status) {
  INFO(response.body);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.status == status);
  const Json document = Json::parse(response.body);
  CHECK(document.at("type") == "/problems/" + name);
  CHECK(document.at("status") == status);
  CHECK_FALSE(document.at("title").get<std::string>().empty());
  CHECK_FALSE(document.at("detail").get<std::string>().empty());
  return document;
}

}  // namespace api_test
