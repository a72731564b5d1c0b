// The fleet's registry in a real Redis.
#include "fleet/registry.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "redis_fixture.h"

using plugin::Registry;

namespace {

broker::RelayStatus relay(std::size_t number) {
  broker::RelayStatus status;
  status.id = "r" + std::to_string(number);
  status.incarnation = 1 + number;
  status.version = "1";
  status.domain = "core";
  status.urls = {"turn:192.0.2.1:3478", "turns:192.0.2.1:5349"};
  status.healthy = true;
  status.heartbeat_ms = 7;
  return status;
}

/// A relay's registry, and time that passes when the test says so.
class Member {
 public:
  explicit Member(redis_test::Loop& loop)
      : loop_(loop), registry_(*loop.client, loop.host, clock_) {
    registry_.on_roster([this](auto relays) {
      roster_ = std::move(relays);
      ++rosters_;
    });
  }
  void tell(std::size_t number) { registry_.beat(relay(number)); }
  void leave(const std::string& id) { registry_.leave(id); }
  /// Tells of relay 0, and asks.
  const std::vector<broker::RelayStatus>& ask() {
    const int before = rosters_;
    clock_.now_ms += 20'000;
    registry_.look(relay(0));
    REQUIRE(loop_.until([&] { return rosters_ > before; }));
    return roster_;
  }

 private:
  class SetClock final : public plugin::Clock {
   public:
    std::int64_t now_ms = 0;
    [[nodiscard]] std::int64_t unix_ms() const override { return now_ms; }
    [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
  };

  redis_test::Loop& loop_;
  SetClock clock_;
  Registry registry_;
  std::vector<broker::RelayStatus> roster_;
  int rosters_ = 0;
};

}  // namespace

TEST_CASE("what relays tell is what others read, word for word", "[fleet][redis]") {
  turntest::RedisServer server;
  redis_test::Loop loop(redis_test::config_for(server));
  Member member(loop);
  for (std::size_t i = 0; i < 3; ++i) member.tell(i);
  auto roster = member.ask();
  REQUIRE(roster.size() == 3);
  // They come in the order of their last heartbeats.
  std::sort(roster.begin(), roster.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (std::size_t i = 0; i < 3; ++i) CHECK(roster[i] == relay(i));
  member.leave("r1");
  CHECK(member.ask().size() == 2);
}

TEST_CASE("a large fleet's roster is put together once a second, whoever asks", "[fleet][redis]") {
  turntest::RedisServer server;
  redis_test::Loop loop(redis_test::config_for(server));
  Member member(loop);
  for (std::size_t i = 0; i < 40; ++i) member.tell(i);
  REQUIRE(member.ask().size() == 40);
  // Now it knows how many there are, and is content with what was put together for another.
  CHECK(server.cli({"SET", "turnbroker:{fleet}:roster", ""}) == "OK\n");
  CHECK(member.ask().empty());
  CHECK(server.cli({"DEL", "turnbroker:{fleet}:roster"}) == "1\n");
  // It thought that it was alone.
  CHECK(member.ask().size() == 40);
  CHECK(member.ask().size() == 40);
  CHECK(std::stoi(server.cli({"PTTL", "turnbroker:{fleet}:roster"})) <= 1'000);
}

TEST_CASE("an entry of the registry that is damaged is passed over", "[fleet][redis]") {
  turntest::RedisServer server;
  redis_test::Loop loop(redis_test::config_for(server));
  Member member(loop);
  for (std::size_t i = 0; i < 3; ++i) member.tell(i);
  REQUIRE(member.ask().size() == 3);
  CHECK(server.cli({"HSET", "turnbroker:{fleet}:relay:r1", "weight", "heavy"}) == "0\n");
  CHECK(member.ask().size() == 2);
  CHECK(server.cli({"HSET", "turnbroker:{fleet}:relay:r2", "domain", "a\x1f\x1e\x1f"}) == "0\n");
  CHECK(member.ask().size() == 1);
}
