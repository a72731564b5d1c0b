// What the broker tells of accounts and allocations, driven packet by packet.
#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <vector>

#include "api/event_text.h"
#include "broker_fixture.h"

using plugin::Event;
using plugin::EventKind;
using testing::acme;
using testing::allocated;
using testing::eventually;
using testing::FakeAllocation;
using testing::FakeRelay;
using testing::of_acme;
using testing::relay_until_cut;
using testing::RunningBroker;

namespace {

constexpr std::int64_t november_s = 1'795'000'000;  // 2026-11-18

class Collector : public plugin::EventSink {
 public:
  void post(const Event& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  [[nodiscard]] std::vector<Event> all() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  /// All but usage: "threshold 80", "restored", "cut quota_exhausted".
  [[nodiscard]] std::vector<std::string> story() const {
    std::vector<std::string> out;
    for (const Event& event : all()) {
      std::string line(plugin::to_string(event.kind));
      if (event.kind == EventKind::usage) continue;
      if (event.kind == EventKind::threshold) line += " " + std::to_string(event.percent);
      if (event.kind == EventKind::cut) line += " " + event.reason;
      out.push_back(line);
    }
    return out;
  }
  [[nodiscard]] Event last(EventKind kind) const {
    const auto events = all();
    const auto found = std::find_if(events.rbegin(), events.rend(),
                                    [&](const Event& event) { return event.kind == kind; });
    return found == events.rend() ? Event{} : *found;
  }
  [[nodiscard]] std::size_t count(EventKind kind) const {
    const auto events = all();
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [&](const Event& event) { return event.kind == kind; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

using Story = std::vector<std::string>;

void relay_until(FakeRelay& relay, FakeAllocation& allocation, std::uint64_t total) {
  REQUIRE(eventually([&] {
    relay.tick();
    const auto sent = allocation.received[0] + allocation.received[1];
    if (sent < total) relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    return sent >= total;
  }));
}

}  // namespace

TEST_CASE("thresholds are told at their octets, exhaustion before the cut", "[events]") {
  Collector events;
  RunningBroker running(acme("100 kB"), november_s, &events);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));

  relay_until(relay, allocation, 79'000);
  REQUIRE(eventually([&] { return events.last(EventKind::usage).used_octets == 79'000; }));
  CHECK(events.story().empty());

  relay_until(relay, allocation, 80'000);
  REQUIRE(eventually([&] { return events.story() == Story{"threshold 80"}; }));
  const Event threshold = events.last(EventKind::threshold);
  CHECK(threshold.csp == "acme");
  CHECK(threshold.media == broker::MediaType::data);
  CHECK(threshold.period == "total");
  CHECK(threshold.limit_octets == 100'000);
  CHECK(threshold.used_octets == 80'000);
  CHECK_FALSE(threshold.exhausted);

  relay_until(relay, allocation, 95'000);
  REQUIRE(eventually([&] { return events.story() == Story{"threshold 80", "threshold 95"}; }));
  relay_until_cut(running, relay, allocation);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  const Story whole{"threshold 80", "threshold 95", "threshold 100", "cut quota_exhausted"};
  REQUIRE(eventually([&] { return events.story() == whole; }));
  const Event cut = events.last(EventKind::cut);
  CHECK(cut.client == "alice");
  CHECK(cut.used_octets == 100'000);
  CHECK(cut.allocation.ends_with("-1"));
  running.stop();
  CHECK(events.story() == whole);
}

TEST_CASE("usage is told at most once a second, and its last value in the end", "[events]") {
  Collector events;
  RunningBroker running(acme("100 MB"), november_s, &events);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  std::uint64_t total = 0;
  REQUIRE(eventually([&] {
    relay_until(relay, allocation, total += 1'000);
    return events.count(EventKind::usage) >= 4;
  }));
  relay.close(allocation, TURN_CLOSE_RELEASED);
  REQUIRE(eventually([&] { return events.last(EventKind::usage).used_octets == total; }));

  std::vector<std::int64_t> times;
  for (const Event& event : events.all())
    if (event.kind == EventKind::usage && event.used_octets != 0) times.push_back(event.at_ms);
  REQUIRE(times.size() >= 3);
  // The wall clock of the test advances with the steady one; both round to whole milliseconds.
  for (std::size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] >= 999);
  CHECK(events.story().empty());  // the client released it: no cut
}

TEST_CASE("a raised limit is told as restored, and what it fell below is told again", "[events]") {
  Collector events;
  RunningBroker running(acme("10 kB"), november_s, &events);
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("alice");
  FakeAllocation first = allocated(relay, user);
  relay_until_cut(running, relay, first);
  relay.close(first, TURN_CLOSE_QUOTA_EXHAUSTED);
  REQUIRE(eventually([&] { return events.count(EventKind::cut) == 1; }));
  const auto before = events.story();
  CHECK(before == Story{"threshold 80", "threshold 95", "threshold 100", "cut quota_exhausted"});

  running.write_config(acme("20 kB"));
  REQUIRE(eventually([&] { return events.count(EventKind::restored) == 1; }));
  CHECK(events.last(EventKind::restored).limit_octets == 20'000);
  CHECK(events.last(EventKind::restored).used_octets == 10'000);
  CHECK_FALSE(events.last(EventKind::restored).exhausted);
  FakeAllocation second = allocated(relay, user);
  relay_until_cut(running, relay, second);
  relay.close(second, TURN_CLOSE_QUOTA_EXHAUSTED);
  REQUIRE(eventually([&] { return events.count(EventKind::cut) == 2; }));
  auto story = events.story();
  CHECK(Story(story.begin() + static_cast<std::ptrdiff_t>(before.size()), story.end()) ==
        Story{"restored", "threshold 80", "threshold 95", "threshold 100", "cut quota_exhausted"});
}

TEST_CASE("a new period restores an exhausted account", "[events]") {
  Collector events;
  RunningBroker running(acme("10 kB", "", "month"), november_s, &events);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  relay_until_cut(running, relay, allocation);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
  REQUIRE(eventually([&] { return events.count(EventKind::cut) == 1; }));
  CHECK(events.last(EventKind::threshold).period == "2026-11");

  running.clock.set_unix_s(november_s + 20 * 86'400);
  REQUIRE(eventually([&] { return events.count(EventKind::restored) == 1; }));
  const Event restored = events.last(EventKind::restored);
  CHECK(restored.period == "2026-12");
  CHECK(restored.used_octets == 0);
  CHECK(events.last(EventKind::usage).period == "2026-12");
}

TEST_CASE("a new period without an exhausted account tells only its usage", "[events]") {
  Collector events;
  RunningBroker running(acme("10 kB", "", "month"), november_s, &events);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  relay_until(relay, allocation, 9'000);
  REQUIRE(eventually([&] { return events.story() == Story{"threshold 80"}; }));
  running.clock.set_unix_s(november_s + 20 * 86'400);
  REQUIRE(eventually([&] { return events.last(EventKind::usage).period == "2026-12"; }));
  // The allocation goes on in the new period: its level is told anew.
  relay_until(relay, allocation, 17'000);
  REQUIRE(eventually([&] { return events.story() == Story{"threshold 80", "threshold 80"}; }));
  CHECK(events.last(EventKind::threshold).period == "2026-12");
}

TEST_CASE("each way the broker ends an allocation is told with its reason", "[events]") {
  const auto reason = GENERATE(std::pair{TURN_CLOSE_CANCELLED, "cut cancelled"},
                               std::pair{TURN_CLOSE_REVOKED, "cut revoked"},
                               std::pair{TURN_CLOSE_EXPIRED, "cut expired"},
                               std::pair{TURN_CLOSE_SHUTDOWN, "cut shutdown"});
  Collector events;
  RunningBroker running(acme("1 MB"), november_s, &events);
  FakeRelay relay(running.broker(), running.host, 0);
  const auto user = of_acme("bob");
  FakeAllocation released = allocated(relay, user);
  FakeAllocation ended = allocated(relay, user);
  relay.close(released, TURN_CLOSE_RELEASED);
  relay.close(ended, reason.first);
  REQUIRE(eventually([&] { return events.count(EventKind::cut) == 1; }));
  running.stop();
  CHECK(events.story() == Story{reason.second});
  CHECK(events.last(EventKind::cut).client == "bob");
}

TEST_CASE("a restart tells how accounts stand and repeats no threshold", "[events]") {
  Collector events;
  RunningBroker running(acme("10 kB"), november_s, &events);
  {
    FakeRelay relay(running.broker(), running.host, 0);
    FakeAllocation allocation = allocated(relay, of_acme("alice"));
    relay_until_cut(running, relay, allocation);
    relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
    REQUIRE(eventually([&] { return events.count(EventKind::cut) == 1; }));
  }
  running.stop();
  const auto story = events.story();
  const auto usages = events.count(EventKind::usage);
  running.start();
  REQUIRE(eventually([&] { return events.count(EventKind::usage) > usages; }));
  CHECK(events.last(EventKind::usage).exhausted);
  CHECK(events.last(EventKind::usage).used_octets == 10'000);
  running.stop();
  CHECK(events.story() == story);
}

TEST_CASE("a quota that leaves the configuration is silent until it is back", "[events]") {
  Collector events;
  const std::string voice =
      "[csp.voice]\nsecret = \"voice-secret-0123456789\"\n"
      "[csp.voice.quota.audio]\nvolume = \"1 MB\"\nperiod = \"total\"\n";
  RunningBroker running(acme("10 kB") + voice, november_s, &events);
  REQUIRE(eventually([&] { return events.count(EventKind::usage) >= 2; }));
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation = allocated(relay, of_acme("alice"));
  running.write_config(voice);
  REQUIRE(eventually([&] { return running.host.cancelled(allocation.id) == TURN_CLOSE_REVOKED; }));
  relay.close(allocation, TURN_CLOSE_REVOKED);
  REQUIRE(eventually([&] { return events.count(EventKind::cut) == 1; }));
  CHECK(events.story() == Story{"cut revoked"});
}
