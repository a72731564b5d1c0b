// What is known of the relays, and for how long.
#include "fleet/fleet_view.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

using plugin::FleetView;

namespace {

class SetClock final : public plugin::Clock {
 public:
  std::int64_t now_ms = 1'000;
  [[nodiscard]] std::int64_t unix_ms() const override { return 0; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
};

broker::RelayStatus relay(const std::string& id, std::int64_t heartbeat_ms = 1) {
  broker::RelayStatus status;
  status.id = id;
  status.heartbeat_ms = heartbeat_ms;
  return status;
}

}  // namespace

TEST_CASE("a relay is heard of when its heartbeat has changed, by this machine's clock",
          "[fleet]") {
  SetClock clock;
  FleetView view(clock);
  view.tell_self(relay("me"));
  // The others' clocks may be years off.
  view.update({relay("a", 5), relay("b", 1'790'000'000'000), relay("me", 99)});
  CHECK(view.get()->self == relay("me"));
  REQUIRE(view.get()->others.size() == 2);
  CHECK(view.get()->others[0].heard_ms == 1'000);

  clock.now_ms = 4'000;
  view.update({relay("a", 5), relay("b", 1'790'000'001'000)});
  CHECK(view.get()->others[0].heard_ms == 1'000);
  CHECK(view.get()->others[1].heard_ms == 4'000);
  // Begun anew, with a clock that was set back: still heard.
  clock.now_ms = 6'000;
  auto again = relay("a", 5);
  again.incarnation = 7;
  view.update({again});
  REQUIRE(view.get()->others.size() == 1);
  CHECK(view.get()->others[0].heard_ms == 6'000);
  view.update({});
  CHECK(view.get()->others.empty());
  CHECK(view.get()->self == relay("me"));
}

TEST_CASE(
    "each relay is known once, this one as it tells itself, and no more than there is room for",
    "[fleet]") {
  SetClock clock;
  FleetView view(clock);
  view.update({relay("b"), relay("a"), relay("b", 2), relay(""), relay("me")});
  REQUIRE(view.get()->others.size() == 3);
  CHECK(view.get()->others[1].status == relay("b", 2));
  view.tell_self(relay("me"));
  CHECK(view.get()->others.size() == 2);

  std::vector<broker::RelayStatus> many;
  for (std::size_t i = 0; i < FleetView::relays_max + 100; ++i)
    many.push_back(relay("r" + std::to_string(100'000 + i)));
  view.update(many);
  CHECK(view.get()->others.size() == FleetView::relays_max);
  CHECK(view.get()->others.back().status.id ==
        "r" + std::to_string(100'000 + FleetView::relays_max - 1));
}

TEST_CASE("what a reader has got stays as it is while the view goes on", "[fleet]") {
  SetClock clock;
  FleetView view(clock);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> torn{0};
  std::thread reader([&] {
    while (!stop.load()) {
      const auto fleet = view.get();
      for (const auto& known : fleet->others)
        if (known.status.heartbeat_ms != fleet->others.front().status.heartbeat_ms) ++torn;
    }
  });
  for (std::int64_t i = 0; i < 2'000; ++i) view.update({relay("a", i), relay("b", i)});
  stop.store(true);
  reader.join();
  CHECK(torn.load() == 0);
}
