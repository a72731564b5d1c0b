// The hub and the route of /v1/events, with writers that remember what was written.
#include <catch2/catch.hpp>
#include <memory>
#include <sstream>
#include <thread>

#include "api/event_hub.h"
#include "api/event_text.h"
#include "api/events_route.h"

using namespace plugin;

namespace {

constexpr std::int64_t now_s = 1'790'000'000;
const broker::Secret broker_secret("0123456789abcdef0123");

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

broker::Config two_csps() {
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

Event event_of(EventKind kind, const std::string& csp = "acme",
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

Event cut_of(const std::string& client, const std::string& csp = "acme") {
  Event out = event_of(EventKind::cut, csp);
  out.client = client;
  out.allocation = "0123-4";
  out.reason = "quota_exhausted";
  return out;
}

std::string client_id(const std::string& client, const std::string& csp = "acme",
                      std::int64_t ttl_s = 600, broker::MediaType media = broker::MediaType::data) {
  return broker::issue_client_id({csp, media, client, "relay", now_s, now_s + ttl_s}, broker_secret)
      .value();
}

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

}  // namespace

TEST_CASE("an event is written as one JSON line with its name and id", "[events]") {
  CHECK(sse_event(event_of(EventKind::threshold), "ab-7") ==
        "event: threshold\nid: ab-7\ndata: {\"cspID\":\"acme\",\"mediaType\":\"data\","
        "\"period\":\"2026-09\",\"limit_octets\":1000,\"used_octets\":800,"
        "\"at\":\"2026-09-21T14:13:20.125Z\",\"percent\":80}\n\n");
  const auto cut = event_json(cut_of("ali\n\nce"), "tb1.id");
  CHECK(cut["clientName"] == "ali\n\nce");
  CHECK(cut["clientID"] == "tb1.id");
  CHECK(cut["reason"] == "quota_exhausted");
  CHECK(sse_event(cut_of("ali\n\nce"), "").find("\n\n") ==
        sse_event(cut_of("ali\n\nce"), "").size() - 2);
}

TEST_CASE("a watcher first hears how its account stands", "[events]") {
  Api api;
  auto open = api.watch(client_id("alice"));
  auto events = open->events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].first == "usage");
  CHECK(events[0].second["used_octets"] == 500);
  CHECK(events[0].second["limit_octets"] == 1'000);
  CHECK(events[0].second["period"] == "2026-09");

  api.stand(two_csps(), 990, true);
  auto exhausted = api.watch(client_id("alice"))->events();
  REQUIRE(exhausted.size() == 2);
  CHECK(exhausted[0].first == "usage");
  CHECK(exhausted[1].first == "threshold");
  CHECK(exhausted[1].second["percent"] == 100);
  // One for each account of the CSP.
  CHECK(api.watch_csp("acme")->names() == Names{"usage", "usage", "threshold", "threshold"});
}

TEST_CASE("a client sees its account, and only its own allocations cut", "[events]") {
  Api api;
  auto alice = api.watch(client_id("alice"));
  auto other_media = api.watch(client_id("alice", "acme", 600, broker::MediaType::video));
  auto other_csp = api.watch(client_id("alice", "voice"));
  auto acme = api.watch_csp("acme");
  for (const auto& writer : {alice, other_media, other_csp, acme}) writer->text.clear();

  api.post(event_of(EventKind::usage));
  api.post(event_of(EventKind::threshold));
  api.post(cut_of("alice"));
  api.post(cut_of("bob"));
  api.post(event_of(EventKind::restored));

  CHECK(other_media->text.empty());
  CHECK(other_csp->text.empty());
  const auto seen = alice->events();
  REQUIRE(seen.size() == 4);
  CHECK(seen[0].first == "usage");
  CHECK(seen[1].first == "threshold");
  CHECK(seen[2].first == "cut");
  CHECK(seen[2].second["clientName"] == "alice");
  CHECK(seen[2].second["clientID"] == client_id("alice"));
  CHECK(seen[3].first == "restored");
  const auto all = acme->events();
  REQUIRE(all.size() == 5);
  CHECK(all[3].second["clientName"] == "bob");
  CHECK_FALSE(all[2].second.contains("clientID"));
}

TEST_CASE("several clients are watched over one stream", "[events]") {
  Api api;
  auto writer =
      api.open(Api::get("clientID=" + client_id("alice") + "&clientID=" + client_id("bob") +
                        "&clientID=" + client_id("carol", "voice")));
  CHECK(writer->names() == Names{"usage", "usage"});  // two accounts
  api.post(cut_of("bob"));
  api.post(cut_of("dave"));
  api.post(cut_of("carol", "voice"));
  const auto cuts = writer->events();
  REQUIRE(cuts.size() == 2);
  CHECK(cuts[0].second["clientID"] == client_id("bob"));
  CHECK(cuts[1].second["clientID"] == client_id("carol", "voice"));
}

TEST_CASE("who comes back hears what it missed, once and in order", "[events]") {
  Api api;
  const auto id = client_id("alice");
  auto first = api.watch(id);
  api.post(event_of(EventKind::threshold));
  CHECK(first->names() == Names{"usage", "threshold"});
  first->closed = true;
  api.post(event_of(EventKind::usage));
  api.post(cut_of("alice"));
  api.post(cut_of("bob"));
  api.post(event_of(EventKind::restored));

  auto second = api.watch(id, first->last_id);
  CHECK(second->names() == Names{"usage", "cut", "restored"});
  auto third = api.watch(id, second->last_id);
  CHECK(third->names() == Names{"usage"});
  // Broken before anything was replayed: the id is still the old one.
  auto fourth = api.watch(id, first->last_id);
  const auto only_usage = fourth->text.substr(0, fourth->text.find("\n\n"));
  CHECK(only_usage.find("id:") == std::string::npos);
}

TEST_CASE("an account that is exhausted is told so once to who comes back", "[events]") {
  Api api;
  const auto id = client_id("alice");
  auto first = api.watch(id);
  first->names();
  api.stand(two_csps(), 1'000, true);
  auto exhausted = event_of(EventKind::threshold);
  exhausted.percent = 100;
  first->closed = true;
  api.post(exhausted);
  CHECK(api.watch(id, first->last_id)->names() == Names{"usage", "threshold"});
}

TEST_CASE("an id of another life, or none of ours, replays nothing and says so", "[events]") {
  Api api;
  api.post(cut_of("alice"));
  auto now = api.watch(client_id("alice"));
  CHECK(now->names() == Names{"usage"});
  const auto number = now->last_id.substr(now->last_id.find('-'));
  for (const std::string& id :
       {"00000000" + number, now->last_id + "9", now->last_id + "x", std::string("-"),
        std::string("1"), number, std::string(300, 'a')}) {
    const auto writer = api.watch(client_id("alice"), id);
    const auto events = writer->events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].first == "usage");
    CHECK(events[1].first == "lost");
    CHECK(events[1].second == http::Json{{"events", 0}});
    // It goes on with an id of this life, and hears it once.
    CHECK(api.watch(client_id("alice"), writer->last_id)->names() == Names{"usage"});
  }
}

TEST_CASE("what no longer fits in the ring is not replayed, and its number is told", "[events]") {
  EventHubLimits limits;
  limits.ring_max = 2;
  Api api(limits);
  auto first = api.watch(client_id("alice"));
  first->names();
  first->closed = true;
  for (const char* allocation : {"a", "b", "c"}) {
    auto cut = cut_of("alice");
    cut.allocation = allocation;
    api.post(cut);
  }
  const auto events = api.watch(client_id("alice"), first->last_id)->events();
  REQUIRE(events.size() == 4);
  CHECK(events[1].first == "lost");
  CHECK(events[1].second == http::Json{{"events", 1}});
  CHECK(events[2].second["allocation"] == "b");
  CHECK(events[3].second["allocation"] == "c");
}

TEST_CASE("a reader that is gone is dropped, and others go on", "[events]") {
  Api api;
  auto gone = api.watch(client_id("alice"));
  auto good = api.watch(client_id("alice"));
  good->names();
  gone->closed = true;
  api.post(event_of(EventKind::usage));
  CHECK(api.hub.watchers() == 1);
  CHECK(good->names() == Names{"usage"});
}

TEST_CASE("what a slow reader does not take yet it gets later, in order", "[events]") {
  Api api;
  auto slow = api.watch_csp("acme");
  auto good = api.watch_csp("acme");
  slow->names();
  good->names();
  slow->space = 0;
  for (const char* client : {"a", "b", "c"}) api.post(cut_of(client));
  api.post(event_of(EventKind::usage));
  CHECK(slow->text.empty());
  CHECK(good->names() == Names{"cut", "cut", "cut", "usage"});
  api.stand(two_csps(), 777);

  slow->space = sse_event(cut_of("a"), "12345678-1").size() + 5;  // for one of them
  while (slow->text.empty()) ::event_base_loop(api.base.get(), EVLOOP_ONCE);
  auto events = slow->events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].second["clientName"] == "a");

  slow->space = std::size_t{1} << 40;
  while (slow->text.empty()) ::event_base_loop(api.base.get(), EVLOOP_ONCE);
  events = slow->events();
  REQUIRE(events.size() == 4);
  CHECK(events[0].second["clientName"] == "b");
  CHECK(events[1].second["clientName"] == "c");
  // Of both accounts, as it is now.
  CHECK(events[2].first == "usage");
  CHECK(events[2].second["used_octets"] == 777);
  CHECK(events[3].first == "usage");
  api.post(event_of(EventKind::usage));
  CHECK(slow->names() == Names{"usage"});
}

TEST_CASE("a reader that takes nothing for half a minute is let go", "[events]") {
  Api api;
  auto slow = api.watch(client_id("alice"));
  auto full = api.watch(client_id("bob"));
  slow->space = 0;
  full->space = 0;
  api.post(cut_of("alice"));
  api.clock.ms = 14'999;
  api.hub.tick();
  CHECK(api.hub.watchers() == 2);
  api.clock.ms = 15'000;  // not even the keep-alive of the other goes out
  api.hub.tick();
  CHECK(full->closed);
  api.clock.ms = 29'999;
  api.hub.tick();
  CHECK_FALSE(slow->closed);
  api.clock.ms = 30'000;
  api.hub.tick();
  CHECK(slow->closed);
  CHECK(api.hub.watchers() == 0);
}

TEST_CASE("a slow reader that the ring has left behind goes on with what is there", "[events]") {
  EventHubLimits limits;
  limits.ring_max = 2;
  Api api(limits);
  auto slow = api.watch_csp("acme");
  slow->names();
  slow->space = 0;
  for (const char* client : {"a", "b", "c", "d"}) api.post(cut_of(client));
  slow->space = std::size_t{1} << 40;
  while (slow->text.empty()) ::event_base_loop(api.base.get(), EVLOOP_ONCE);
  const auto events = slow->events();
  REQUIRE(events.size() == 3);
  CHECK(events[0].first == "lost");
  CHECK(events[0].second == http::Json{{"events", 2}});
  CHECK(events[1].second["clientName"] == "c");
  CHECK(events[2].second["clientName"] == "d");
}

TEST_CASE("a quiet stream gets a comment every fifteen seconds", "[events]") {
  Api api;
  auto writer = api.watch(client_id("alice"));
  writer->names();
  api.clock.ms = 14'999;
  api.hub.tick();
  CHECK(writer->text.empty());
  api.clock.ms = 15'000;
  api.hub.tick();
  CHECK(writer->text == ": keep-alive\n\n");
  writer->text.clear();
  api.clock.ms = 29'999;
  api.hub.tick();
  CHECK(writer->text.empty());
}

TEST_CASE("an expired client id ends its stream", "[events]") {
  Api api;
  auto writer = api.open(Api::get("clientID=" + client_id("alice", "acme", 600) +
                                  "&clientID=" + client_id("bob", "acme", 60)));
  auto csp = api.watch_csp("acme");
  api.clock.ms = 59'999;
  api.hub.tick();
  CHECK_FALSE(writer->closed);
  api.clock.ms = 60'000;
  api.hub.tick();
  CHECK(writer->closed);
  CHECK_FALSE(csp->closed);
  CHECK(api.hub.watchers() == 1);
}

TEST_CASE("a configuration that no longer lets a watcher in ends its stream", "[events]") {
  Api api;
  auto client = api.watch(client_id("alice"));
  auto csp = api.watch_csp("acme");
  auto other = api.watch_csp("voice");
  api.hub.tick();
  CHECK(api.hub.watchers() == 3);

  auto config = two_csps();
  config.csps.at("acme").api_keys = {broker::Secret("another-key-0123456789")};
  api.stand(config);
  api.hub.tick();
  CHECK(csp->closed);
  CHECK_FALSE(client->closed);

  config.secrets = {broker::Secret("another-secret-0123456")};
  api.stand(config);
  api.hub.tick();
  CHECK(client->closed);
  CHECK_FALSE(other->closed);
}

TEST_CASE("a client id that is revoked ends its stream, and opens none", "[events]") {
  Api api;
  auto alice = api.watch(client_id("alice"));
  auto bob = api.watch(client_id("bob"));
  api.hub.tick();
  auto revocations = std::make_shared<Revocations>();
  revocations->by_who[hash_of_who(client_id("alice"))] = now_s;
  auto standing = std::make_shared<Standing>(*api.board.get());
  standing->revocations = revocations;
  api.board.publish(standing);
  api.hub.tick();
  CHECK(alice->closed);
  CHECK_FALSE(bob->closed);
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice"))) == "403 client-id-invalid");
}

TEST_CASE("watchers are bounded in all and by address", "[events]") {
  EventHubLimits limits;
  limits.watchers_max = 3;
  limits.watchers_per_address_max = 2;
  Api api(limits);
  auto request = Api::get("clientID=" + client_id("alice"));
  auto first = api.open(request);
  auto second = api.open(request);
  CHECK(api.refusal(request) == "429 too-many-requests");
  request.remote_address = "192.0.2.2";
  auto third = api.open(request);
  CHECK(api.refusal(request) == "503 overloaded");
  first->closed = true;
  api.hub.tick();
  // Let in but not yet opened: the place is taken, and free again when it never opens.
  {
    const auto answer = api.route(request);
    CHECK(std::holds_alternative<http::Streaming>(answer));
    CHECK(api.refusal(request) == "503 overloaded");
  }
  CHECK(api.refusal(request).empty());
}

TEST_CASE("a seat may outlive the hub", "[events]") {
  std::variant<http::Response, http::Streaming> answer;
  {
    Api api;
    answer = api.route(Api::get("clientID=" + client_id("alice")));
    REQUIRE(std::holds_alternative<http::Streaming>(answer));
  }
}

TEST_CASE("who may not watch is told why", "[events]") {
  Api api;
  const auto id = client_id("alice");
  const http::NamedValues from_elsewhere{{"Origin", "https://evil.example"}};
  CHECK(api.refusal(Api::get("")) == "401 unauthorized");
  CHECK(api.refusal(Api::get("", {{"Authorization", "Bearer wrong"}})) == "401 unauthorized");
  CHECK(api.refusal(Api::get("clientID=" + id + "x")) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=")) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=" + id + "&clientID=tb1.x")) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice", "gone"))) == "404 unknown-csp");
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice", "acme", 600,
                                                     broker::MediaType::audio))) == "404 no-quota");
  CHECK(api.refusal(Api::get("clientID=" + id, from_elsewhere)) == "403 origin-not-allowed");
  CHECK(api.refusal(Api::get("", {{"Authorization", "Bearer acme-key-0123456789"},
                                  {"Origin", "https://evil.example"}})) ==
        "403 origin-not-allowed");
  CHECK(api.refusal(Api::get("clientID=" + id, {{"Authorization", "Bearer acme-key-0123456789"}}))
            .empty());
  for (const char* key : {"voice-key-0123456789", "wrong"})
    CHECK(api.refusal(
              Api::get("clientID=" + id, {{"Authorization", std::string("Bearer ") + key}})) ==
          "401 unauthorized");
  CHECK(api.refusal(Api::get("clientId=" + id)) == "400 bad-parameter");
  CHECK(api.refusal(Api::get("clientID=%4")) == "400 bad-parameter");
  std::string many = "clientID=" + id;
  for (int i = 1; i < 16; ++i) many += "&clientID=" + id;
  CHECK(api.refusal(Api::get(many)).empty());
  CHECK(api.refusal(Api::get(many + "&clientID=" + id)) == "400 bad-parameter");
  api.clock.ms = 600'000;
  CHECK(api.refusal(Api::get("clientID=" + id)) == "403 client-id-expired");
  // As any other route: the key and the origin come first, an unknown CSP before them.
  CHECK(api.refusal(Api::get("clientID=" + id, {{"Authorization", "Bearer wrong"}})) ==
        "401 unauthorized");
  CHECK(api.refusal(Api::get("clientID=" + id, from_elsewhere)) == "403 origin-not-allowed");
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice", "gone"))) == "404 unknown-csp");

  auto answer = api.route(Api::get("clientID=" + client_id("alice", "acme", 6'000),
                                   {{"Origin", "https://acme.example"}}));
  const auto* stream = std::get_if<http::Streaming>(&answer);
  REQUIRE(stream != nullptr);
  CHECK(stream->headers[0].second == "https://acme.example");
}

TEST_CASE("a full queue drops the oldest usage first, and never waits", "[events]") {
  EventQueue queue(3);
  auto usage = event_of(EventKind::usage);
  CHECK(queue.push(cut_of("a")));
  usage.used_octets = 1;
  CHECK_FALSE(queue.push(usage));
  usage.used_octets = 2;
  CHECK_FALSE(queue.push(usage));
  CHECK_FALSE(queue.push(cut_of("b")));  // for usage 1
  auto batch = queue.take();
  CHECK(batch.lost == 0);
  auto events = batch.events;
  REQUIRE(events.size() == 3);
  CHECK(events[0].client == "a");
  CHECK(events[1].used_octets == 2);
  CHECK(events[2].client == "b");
  CHECK(queue.dropped() == 1);
  CHECK(queue.take().events.empty());
  for (const char* client : {"a", "b", "c", "d"}) static_cast<void>(queue.push(cut_of(client)));
  batch = queue.take();
  CHECK(batch.lost == 1);
  events = batch.events;
  REQUIRE(events.size() == 3);
  CHECK(events[0].client == "b");
  CHECK(queue.take().lost == 0);
}

TEST_CASE("what the queue had to drop is told to all who watch, and logged", "[events]") {
  EventHubLimits limits;
  limits.queue_max = 2;
  Api api(limits);
  auto acme = api.watch_csp("acme");
  auto voice = api.watch_csp("voice");
  auto gone = api.watch_csp("acme");
  auto slow = api.watch_csp("acme");
  for (const auto& writer : {acme, voice, gone}) writer->names();
  const std::string before = gone->last_id;
  gone->closed = true;
  slow->names();
  slow->space = 0;
  for (const char* client : {"a", "b", "c", "d", "e"}) api.hub.post(cut_of(client));
  api.run();
  auto events = acme->events();
  REQUIRE(events.size() == 3);
  CHECK(events[0].first == "lost");
  CHECK(events[0].second == http::Json{{"events", 3}});
  CHECK(events[1].second["clientName"] == "d");
  CHECK(events[2].second["clientName"] == "e");
  CHECK(voice->names() == Names{"lost"});
  // Who was away meanwhile hears it, too; who has heard it does not hear it again.
  CHECK(api.watch(client_id("e"), before)->names() == Names{"usage", "lost", "cut"});
  CHECK(api.watch(client_id("e"), voice->last_id)->names() == Names{"usage", "cut"});
  slow->space = std::size_t{1} << 40;
  while (slow->text.empty()) ::event_base_loop(api.base.get(), EVLOOP_ONCE);
  CHECK(slow->names() == Names{"lost", "cut", "cut"});

  api.hub.tick();
  for (int i = 0; i < 3; ++i) api.hub.post(cut_of("f"));
  api.run();
  api.clock.ms = 59'999;
  api.hub.tick();
  CHECK(api.logged == std::vector<std::uint64_t>{3});
  api.clock.ms = 60'000;
  api.hub.tick();
  api.clock.ms = 180'000;
  api.hub.tick();
  CHECK(api.logged == std::vector<std::uint64_t>{3, 1});
}

TEST_CASE("a whole relay's allocations can be cut at once", "[events]") {
  Api api;
  auto config = two_csps();
  config.limits.allocations_max = 20'000;
  api.hub.configure(config);
  auto writer = api.watch_csp("acme");
  writer->names();
  for (int i = 0; i < 20'000; ++i) api.hub.post(cut_of("alice"));
  api.run();
  CHECK(writer->names() == Names(20'000, "cut"));
  CHECK(api.hub.dropped() == 0);
}

TEST_CASE("how many may watch changes with the configuration", "[events]") {
  Api api;
  auto config = two_csps();
  config.http.watchers_max = 3;
  config.http.watchers_per_address = 1;
  api.hub.configure(config);
  auto request = Api::get("clientID=" + client_id("alice"));
  auto first = api.open(request);
  CHECK(api.refusal(request) == "429 too-many-requests");
  config.http.watchers_per_address = 2;
  api.hub.configure(config);
  auto second = api.open(request);
  config.http.watchers_max = 2;
  api.hub.configure(config);
  request.remote_address = "192.0.2.2";
  CHECK(api.refusal(request) == "503 overloaded");
  CHECK_FALSE(first->closed);
}

TEST_CASE("events posted from another thread reach the watchers in order", "[events]") {
  Api api;
  auto writer = api.watch_csp("acme");
  writer->names();
  constexpr int posted = 1'000;
  std::thread broker([&] {
    for (int i = 0; i < posted; ++i) {
      auto cut = cut_of("alice");
      cut.allocation = std::to_string(i);
      api.hub.post(cut);
    }
  });
  std::vector<std::pair<std::string, http::Json>> seen;
  while (seen.size() < posted) {
    ::event_base_loop(api.base.get(), EVLOOP_ONCE);  // ends at the latest with the hub's own tick
    for (auto& each : writer->events()) seen.push_back(std::move(each));
    if (api.hub.watchers() == 0) break;
  }
  broker.join();
  REQUIRE(seen.size() == posted);
  for (int i = 0; i < posted; ++i)
    REQUIRE(seen[static_cast<std::size_t>(i)].second["allocation"] == std::to_string(i));
}
