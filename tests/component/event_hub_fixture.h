// What the tests of the hub and the route of /v1/events share: both without a server, with writers that
// remember what was written, and a clock of the test's own.
// Owner: each test. Threads: one, but for EventHub::post.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/event_hub.h"
#include "api/event_text.h"
#include "api/events_route.h"

namespace event_test {

using namespace plugin;

inline constexpr std::int64_t now_s = 1'790'000'000;
inline const broker::Secret broker_secret("0123456789abcdef0123");

class ManualClock : public Clock {
 public:
  [[nodiscard]] std::int64_t unix_ms() const override { return now_s * 1'000 + ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return ms; }
  std::int64_t ms = 0;
};

class FakeWriter : public http::StreamWriter {
 public:
  bool write(std::string_view octets) override {
    if (closed || octets.size() > space) return false;
    text += octets;
    space -= octets.size();
    return true;
  }
  [[nodiscard]] std::size_t room() const override { return space; }
  void close() override { closed = true; }
  [[nodiscard]] bool gone() const override { return closed; }

  /// The names of the events written since the last call: "usage", "threshold", "comment".
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& [name, data] : events()) out.push_back(name);
    return out;
  }
  std::vector<std::pair<std::string, http::Json>> events() {
    std::vector<std::pair<std::string, http::Json>> out;
    std::string rest = std::exchange(text, "");
    while (!rest.empty()) {
      const auto end = rest.find("\n\n");
      REQUIRE(end != std::string::npos);
      const std::string block = rest.substr(0, end);
      rest.erase(0, end + 2);
      if (block.starts_with(":")) {
        out.emplace_back("comment", nullptr);
        continue;
      }
      std::string name;
      std::string data;
      std::istringstream lines(block);
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("event: ")) name = line.substr(7);
        if (line.starts_with("data: ")) data = line.substr(6);
        if (line.starts_with("id: ")) last_id = line.substr(4);
      }
      out.emplace_back(name, http::Json::parse(data));
    }
    return out;
  }

  std::string text;
  std::string last_id;
  bool closed = false;
  std::size_t space = std::size_t{1} << 40;
};

using Names = std::vector<std::string>;

inline broker::Config two_csps() {
  broker::Config config;
  config.secrets = {broker_secret};
  for (const char* id : {"acme", "voice"}) {
    broker::Csp csp;
    csp.id = id;
    csp.api_keys = {broker::Secret(std::string(id) + "-key-0123456789")};
    csp.allowed_origins = {std::string("https://") + id + ".example"};
    csp.quotas[broker::MediaType::data].volume = {1'000};
    csp.quotas[broker::MediaType::video].volume = {1'000};
    config.csps.emplace(id, std::move(csp));
  }
  return config;
}

inline Event event_of(EventKind kind, const std::string& csp = "acme",
                      broker::MediaType media = broker::MediaType::data) {
  Event out;
  out.kind = kind;
  out.at_ms = now_s * 1'000 + 125;
  out.csp = csp;
  out.media = media;
  out.period = "2026-09";
  out.limit_octets = 1'000;
  out.used_octets = 800;
  if (kind == EventKind::threshold) out.percent = 80;
  return out;
}

inline Event cut_of(const std::string& client, const std::string& csp = "acme") {
  Event out = event_of(EventKind::cut, csp);
  out.client = client;
  out.allocation = "0123-4";
  out.reason = "quota_exhausted";
  return out;
}

inline std::string client_id(const std::string& client, const std::string& csp = "acme",
                             std::int64_t ttl_s = 600,
                             broker::MediaType media = broker::MediaType::data) {
  return broker::issue_client_id({csp, media, client, "relay", now_s, now_s + ttl_s}, broker_secret)
      .value();
}

/// The hub with its route, and writers that its watchers are given; nothing runs by itself.
struct Api {
  explicit Api(const EventHubLimits& limits = {})
      : base(::event_base_new()),
        hub(base.get(), board, clock, limits,
            [this](std::uint64_t events) { logged.push_back(events); }) {
    stand(two_csps());
    EventsAccess access;
    access.csp_of_key = [](const http::Request& request,
                           const broker::Config& config) -> std::optional<std::string> {
      const std::string* given = request.header("Authorization");
      for (const auto& [id, csp] : config.csps)
        for (const auto& key : csp.api_keys)
          if (given != nullptr && *given == "Bearer " + std::string(key.reveal())) return id;
      return std::nullopt;
    };
    access.key_fits = [](const http::Request& request, const broker::Csp& csp) {
      const std::string* given = request.header("Authorization");
      return given == nullptr || *given == "Bearer " + std::string(csp.api_keys.at(0).reveal());
    };
    access.cors = [](const http::Request& request,
                     const broker::Csp& csp) -> std::optional<http::NamedValues> {
      const std::string* origin = request.header("Origin");
      if (origin == nullptr) return http::NamedValues{};
      if (*origin != csp.allowed_origins.at(0)) return std::nullopt;
      return http::NamedValues{{"Access-Control-Allow-Origin", *origin}};
    };
    access.address_of = [](const http::Request& request) { return request.remote_address; };
    access.problem = [](int status, std::string_view name, std::string_view) {
      http::Response response = http::problem(status, name);
      response.content_type = name;
      return response;
    };
    route = events_route(hub, board, clock, access);
  }

  void stand(broker::Config config, std::uint64_t used = 500, bool exhausted = false) {
    auto standing = std::make_shared<Standing>();
    for (const auto& [id, csp] : config.csps)
      for (const auto& [media, quota] : csp.quotas)
        standing->accounts[id][static_cast<std::size_t>(media)] =
            AccountStanding{1'000, used, exhausted, "2026-09", 0};
    standing->config = std::make_shared<broker::Config>(std::move(config));
    board.publish(standing);
  }

  static http::Request get(const std::string& query, http::NamedValues headers = {}) {
    http::Request request;
    request.method = "GET";
    request.path = "/v1/events";
    request.query = query;
    request.headers = std::move(headers);
    request.remote_address = "192.0.2.1";
    return request;
  }

  std::string refusal(const http::Request& request) const {
    const auto answer = route(request);
    const auto* response = std::get_if<http::Response>(&answer);
    return response == nullptr ? ""
                               : std::to_string(response->status) + " " + response->content_type;
  }

  std::shared_ptr<FakeWriter> open(const http::Request& request) const {
    auto answer = route(request);
    auto* stream = std::get_if<http::Streaming>(&answer);
    REQUIRE(stream != nullptr);
    CHECK(stream->content_type == "text/event-stream");
    auto writer = std::make_shared<FakeWriter>();
    stream->opened(writer);
    return writer;
  }
  std::shared_ptr<FakeWriter> watch(const std::string& id, const std::string& last_id = "") const {
    return open(get("clientID=" + id, last_id.empty()
                                          ? http::NamedValues{}
                                          : http::NamedValues{{"last-event-id", last_id}}));
  }
  std::shared_ptr<FakeWriter> watch_csp(const std::string& csp) const {
    return open(get("", {{"authorization", "Bearer " + csp + "-key-0123456789"}}));
  }

  void post(const Event& what) {
    hub.post(what);
    run();
  }
  void run() const { ::event_base_loop(base.get(), EVLOOP_NONBLOCK); }

  ManualClock clock;
  StandingBoard board;
  http::EventBaseHandle base;
  std::vector<std::uint64_t> logged;  ///< how many events were lost, of each line of the log
  EventHub hub;
  http::StreamHandler route;
};

}  // namespace event_test
