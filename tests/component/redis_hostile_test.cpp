// The Redis client with servers that are slow, refuse, or send what is no Redis.
#include "fake_redis.h"
#include "redis_fixture.h"

using namespace redis_test;
using Catch::Matchers::Contains;
using plugin::redis::Script;
using Words = FakeRedis::Words;

namespace {

std::optional<std::string> healthy(const Words&) { return std::nullopt; }

/// Answers every GET so, and all else as a healthy server.
FakeRedis::Script on_get(const std::string& answer) {
  return [answer](const Words& command) {
    return command[0] == "GET" ? std::optional(answer) : std::nullopt;
  };
}

broker::RedisConfig quick(std::uint16_t port) {
  broker::RedisConfig config = config_for(port);
  config.timeout_ms = 300;
  config.connect_timeout_ms = 300;
  return config;
}

}  // namespace

TEST_CASE("what is no RESP ends the connection with a clear error, and the next one works") {
  const std::string deep = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += "*1\r\n";
    return text;
  }();
  const std::vector<std::pair<std::string, std::string>> cases{
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "what arrived is no RESP"},
      {std::string(1'000, '\xff'), "what arrived is no RESP"},
      {"$-2\r\n", "what arrived is no RESP"},
      {"*-5\r\n", "what arrived is no RESP"},
      {"$9999999999999999999999\r\n", "what arrived is no RESP"},
      {"*99999999999\r\n", "what arrived is no RESP"},
      {deep, "what arrived is no RESP"},
      // RESP3, which newer versions of hiredis read.
      {",1.5\r\n", "what arrived is no RESP"},
      {"#t\r\n", "what arrived is no RESP"},
      {"%1\r\n+key\r\n:1\r\n", "what arrived is no RESP"},
      {"*1\r\n>1\r\n+pushed\r\n", "what arrived is no RESP"},
      {"$16777217\r\n" + std::string(100'000, 'x'), "a reply beyond 16777216 octets"},
      {"+" + std::string(200'000, 'x'), "a reply beyond"},
      {"*2147483647\r\n" +
           [] {
             std::string text;
             for (int i = 0; i < 300'000; ++i) text += ":1\r\n";
             return text;
           }(),
       "a reply beyond"},
      {"+OK\r\n+OK\r\n", ""},
  };
  for (const auto& [octets, error] : cases) {
    CAPTURE(octets.substr(0, 40), error);
    FakeRedis fake(on_get(octets));
    Loop loop(quick(fake.port()));
    const auto answer = loop.call({"GET", "key"});
    if (!error.empty()) CHECK_THAT(error_of(answer), Contains(fake.address()) && Contains(error));
    REQUIRE(loop.until([&] { return !loop.client->problem().empty() || fake.connections() > 1; }));
    fake.play(healthy);
    CHECK(text_of(loop.call({"GET", "key"})) == "OK");
    CHECK(fake.connections() == 2);
  }
}

TEST_CASE("a reply that comes octet by octet is one reply") {
  std::string parts = "*2\r\n$3\r\nabc\r\n:-7\r\n";
  FakeRedis fake([&](const Words& command) -> std::optional<std::string> {
    if (command[0] != "GET") return std::nullopt;
    const std::string part = parts.substr(0, 1);
    parts.erase(0, 1);
    return part;
  });
  Loop loop(config_for(fake.port()));
  std::optional<broker::Result<Answer>> first;
  std::size_t others = 0;
  loop.client->call({.arguments = {"GET"}}, [&](auto answer) { first = std::move(answer); });
  while (!first && others < 100) {
    ++others;
    const std::size_t before = fake.count("GET");
    loop.client->call({.arguments = {"GET"}}, [](const auto&) {});
    REQUIRE(loop.until([&] { return fake.count("GET") > before || first; }));
  }
  REQUIRE(loop.until([&] { return first.has_value(); }));
  REQUIRE(*first);
  CHECK(first->value().reply.items.at(0).text == "abc");
  CHECK(first->value().reply.items.at(1).integer == -7);
}

TEST_CASE("a server that does not answer costs the time-out and its connection") {
  FakeRedis fake([](const Words& command) {
    const bool greeting = command[0] == "INFO" || command[0] == "PING";
    return greeting ? std::nullopt : std::optional<std::string>("");
  });
  Loop loop(quick(fake.port()));
  REQUIRE(loop.connected());
  const std::int64_t before_ms = loop.clock.steady_ms();
  std::vector<std::string> errors;
  for (int i = 0; i < 2; ++i)
    loop.client->call({.arguments = {"GET", "key"}},
                      [&](const auto& answer) { errors.push_back(error_of(answer)); });
  REQUIRE(loop.until([&] { return errors.size() == 2; }));
  CHECK(errors[0] == fake.address() + ": no answer within 300 ms");
  CHECK(errors[1] == errors[0]);
  CHECK(loop.clock.steady_ms() - before_ms >= 300);
  CHECK(loop.clock.steady_ms() - before_ms < 1'000);
  fake.play(healthy);
  CHECK(text_of(loop.call({"GET", "key"})) == "OK");
  CHECK(fake.connections() == 2);
}

TEST_CASE("while a server loads its data it is a problem, and commands wait for it") {
  FakeRedis fake([](const Words& command) {
    return command[0] == "PING"
               ? std::optional<std::string>("-LOADING Redis is loading the dataset in memory\r\n")
               : std::nullopt;
  });
  broker::RedisConfig config = config_for(fake.port());
  Loop loop(config);
  REQUIRE(loop.until([&] { return fake.count("PING") >= 2; }));
  CHECK(loop.client->problem() ==
        fake.address() + ": LOADING Redis is loading the dataset in memory");
  CHECK(fake.count("GET") == 0);
  std::optional<broker::Result<Answer>> answer;
  loop.client->call({.arguments = {"GET", "key"}},
                    [&](auto result) { answer = std::move(result); });
  fake.play(healthy);
  CHECK(text_of(loop.await(answer)) == "OK");
}

TEST_CASE("what a server refuses for the moment is sent again, and given up in time") {
  for (const std::string code : {"LOADING", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"}) {
    CAPTURE(code);
    std::size_t refusals = 0;
    FakeRedis fake([&, code](const Words& command) -> std::optional<std::string> {
      if (command[0] != "GET" || ++refusals > 2) return std::nullopt;
      return '-' + code + " for the moment\r\n";
    });
    Loop loop(config_for(fake.port()));
    CHECK(text_of(loop.call({"GET", "key"})) == "OK");
    CHECK(fake.count("GET") == 3);

    FakeRedis never(on_get('-' + code + " for ever\r\n"));
    Loop patient(quick(never.port()));
    CHECK(error_of(patient.call({"GET", "key"})) ==
          never.address() + ": " + code + " for ever (for 300 ms)");
  }
}

TEST_CASE("what only an operator can put right is the answer at once") {
  for (const std::string code : {"OOM", "NOAUTH", "NOPERM", "MISCONF", "NOREPLICAS", "BUSY"}) {
    CAPTURE(code);
    FakeRedis fake(on_get('-' + code + " ask\x01 your operator\r\n"));
    Loop loop(config_for(fake.port()));
    CHECK(error_of(loop.call({"GET", "key"})) ==
          fake.address() + ": " + code + " ask? your operator");
    CHECK(fake.count("GET") == 1);
  }
}

TEST_CASE("a server that never knows a script is asked twice and no more") {
  FakeRedis fake([](const Words& command) -> std::optional<std::string> {
    if (!command[0].starts_with("EVAL")) return std::nullopt;
    return "-NOSCRIPT No matching script. Please use EVAL.\r\n";
  });
  Loop loop(config_for(fake.port()));
  const Script script("any", "return 1");
  CHECK_THAT(error_of(loop.eval(script, {"key"}, {})), Contains("NOSCRIPT"));
  CHECK(fake.count("EVALSHA") == 1);
  CHECK(fake.count("EVAL") == 1);
}

TEST_CASE("a password that a server quotes in its refusal comes into no message") {
  FakeRedis fake([](const Words& command) -> std::optional<std::string> {
    if (command[0] != "AUTH") return std::nullopt;
    return "-ERR unknown command 'AUTH', with args beginning with: '" + command[1] + "'\r\n";
  });
  broker::RedisConfig config = quick(fake.port());
  config.password = broker::Secret("tr-secret");
  Loop loop(config);
  CHECK(error_of(loop.call({"GET", "key"})) ==
        fake.address() + ": it refuses the user or the password (ERR) (for 300 ms)");
  CHECK_THAT(loop.fake_host.log_text(), !Contains("tr-secret"));
}

TEST_CASE("a cluster whose servers send a command in circles is given up") {
  std::uint16_t port = 0;
  FakeRedis fake([&](const Words& command) -> std::optional<std::string> {
    const std::string text = std::to_string(port);
    if (command[0] == "CLUSTER")
      return "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:" + text + "\r\n";
    if (command[0] == "GET" && command[1] == "moved") return "-MOVED 7 :" + text + "\r\n";
    if (command[0] == "GET") return "-ASK 7 127.0.0.1:" + text + "\r\n";
    return std::nullopt;
  });
  port = fake.port();
  broker::RedisConfig config = config_for(port);
  config.mode = broker::RedisMode::cluster;
  Loop loop(config);
  CHECK_THAT(error_of(loop.call_for("k", {"GET", "moved"})), Contains("MOVED 7"));
  CHECK(fake.count("GET") == plugin::redis::redirects_max + 1);
  CHECK_THAT(error_of(loop.call_for("k", {"GET", "ask"})), Contains("ASK 7"));
  CHECK(fake.count("ASKING") == plugin::redis::redirects_max);
}

TEST_CASE("a server that hangs up, or says what nobody asked for, is come back to with back-off") {
  FakeRedis fake([](const Words& command) -> std::optional<std::string> {
    if (command[0] == "PING") return "+PONG\r\n+what\r\n";
    return std::nullopt;
  });
  Loop loop(config_for(fake.port()));
  CHECK_FALSE(loop.until([] { return false; }, 1'000));
  // 50, 100, 200, 400 ms, each at least half of it.
  CHECK(fake.connections() >= 3);
  CHECK(fake.connections() <= 7);
}
