// Who hears what over /v1/events.
#include "event_hub_fixture.h"

using namespace event_test;

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
