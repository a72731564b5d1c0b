// What watchers, the queue to them and their patience are bounded by.
#include <thread>

#include "event_hub_fixture.h"

using namespace event_test;

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
