// What who comes back to /v1/events, or reads slowly, still hears, and in which order.
#include "event_hub_fixture.h"

using namespace event_test;

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
