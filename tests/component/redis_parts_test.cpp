// What of the Redis client touches no world: slots, refusals, redirections, topologies, back-off.
#include <catch2/catch.hpp>

#include "redis/backoff.h"
#include "redis/greeting.h"
#include "redis/refusal.h"
#include "redis/script.h"
#include "redis/slot.h"
#include "redis/topology.h"
#include "redis/tuning.h"

using namespace plugin::redis;

TEST_CASE("slots are those of the specification of Redis Cluster") {
  CHECK(crc16("123456789") == 0x31C3);
  CHECK(slot_of("123456789") == 12'739);
  CHECK(slot_of("foo") == 12'182);
  CHECK(slot_of("{user1000}.following") == slot_of("{user1000}.followers"));
  CHECK(slot_of("{user1000}.following") == slot_of("user1000"));
  CHECK(slot_of("foo{}{bar}") == crc16("foo{}{bar}") % slots);
  CHECK(slot_of("foo{{bar}}zap") == slot_of("{bar"));
  CHECK(slot_of("foo{bar}{zap}") == slot_of("bar"));
  CHECK(slot_of("foo{bar") == crc16("foo{bar") % slots);
  CHECK(slot_of("") == 0);
}

TEST_CASE("error replies are told apart by their first word") {
  CHECK(refusal_of("MOVED 1 a:1") == Refusal::moved);
  CHECK(refusal_of("ASK 1 a:1") == Refusal::ask);
  CHECK(refusal_of("NOSCRIPT No matching script") == Refusal::no_script);
  CHECK(refusal_of("TRYAGAIN") == Refusal::later);
  CHECK(refusal_of("LOADINGS") == Refusal::other);
  CHECK(refusal_of("ERR MOVED 1 a:1") == Refusal::other);
  CHECK(refusal_of("") == Refusal::other);
  CHECK(refusal_of("ERR Error running script (call to f_1): @user_script:1: -READONLY You can't") ==
        Refusal::wrong_server);
}

TEST_CASE("a redirection names a slot and a server") {
  const auto moved = parse_redirection("MOVED 3999 127.0.0.1:6381", "asked");
  REQUIRE(moved);
  CHECK(moved->slot == 3'999);
  CHECK(moved->to.name() == "127.0.0.1:6381");
  CHECK(parse_redirection("ASK 0 ::1:6381", "asked")->to.name() == "[::1]:6381");
  CHECK(parse_redirection("ASK 0 :6381", "asked")->to.name() == "asked:6381");
  for (const char* text : {"MOVED", "MOVED 1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a",
                           "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 1 a\x01:1", "MOVED x a:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_redirection(text, "asked"));
  }
}

TEST_CASE("a topology that makes no sense is refused") {
  const auto number = [](std::int64_t value) {
    return Reply{.kind = Reply::Kind::integer, .integer = value, .text = {}, .items = {}};
  };
  const auto text = [](const std::string& value) {
    return Reply{.kind = Reply::Kind::text, .integer = 0, .text = value, .items = {}};
  };
  const auto array = [](std::vector<Reply> items) {
    return Reply{.kind = Reply::Kind::array, .integer = 0, .text = {}, .items = std::move(items)};
  };
  const auto range = [&](std::int64_t first, std::int64_t last, const Reply& host,
                         std::int64_t port) {
    return array({number(first), number(last), array({host, number(port)})});
  };
  const auto good =
      parse_topology(array({range(0, 9, text("a"), 1), range(10, 16'383, Reply{}, 2)}), "asked");
  REQUIRE(good);
  REQUIRE(good.value().size() == 2);
  CHECK(good.value()[1].master.name() == "asked:2");
  CHECK(good.value()[1].last == 16'383);
  for (const Reply& wrong :
       {Reply{}, array({}), array({number(1)}), array({range(0, 16'384, text("a"), 1)}),
        array({range(5, 4, text("a"), 1)}), array({range(-1, 4, text("a"), 1)}),
        array({range(0, 4, text("a"), 0)}), array({range(0, 4, text("a b"), 1)}),
        array({range(0, 4, text("a"), 65'536)})})
    CHECK_FALSE(parse_topology(wrong, "asked"));
  std::vector<Reply> many;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(masters_max); ++i)
    many.push_back(range(i, i, text("a"), i + 1));
  CHECK_FALSE(parse_topology(array(many), "asked"));
}

TEST_CASE("back-off doubles up to its bound, with jitter of half of it") {
  Random random(1);
  Backoff backoff(random, 50, 1'000);
  for (const std::int64_t step_ms : {50, 100, 200, 400, 800, 1'000, 1'000}) {
    const std::int64_t ms = backoff.next_ms();
    CHECK(ms >= step_ms / 2);
    CHECK(ms <= step_ms);
  }
  backoff.reset();
  CHECK(backoff.next_ms() <= 50);
}

TEST_CASE("a script is known by its SHA-1") {
  CHECK(Script("empty", "").sha1 == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(Script("one", "return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}
