// The Redis client with real servers: connections, users, scripts, replicas.
#include "redis_fixture.h"
#include "support/redis_fleet.h"

using namespace redis_test;
using Catch::Matchers::Contains;
using plugin::redis::Script;
using turntest::RedisServer;

TEST_CASE("a command is answered with the server that answered it") {
  RedisServer redis;
  Loop loop(config_for(redis));
  const std::int64_t before_ms = loop.clock.steady_ms();
  const auto answer = loop.call({"SET", "key", "value"});
  REQUIRE(answer);
  CHECK(answer.value().reply.is_status("OK"));
  CHECK(answer.value().server.name == redis.address());
  CHECK(answer.value().server.run_id == turntest::info_field(redis, "run_id"));
  CHECK(answer.value().server.version == turntest::info_field(redis, "redis_version"));
  CHECK(answer.value().sent_ms >= before_ms);
  CHECK(answer.value().sent_ms <= loop.clock.steady_ms());
  CHECK(loop.client->problem().empty());
  REQUIRE(loop.servers.size() == 1);
  CHECK(loop.servers[0].run_id == answer.value().server.run_id);
  CHECK(text_of(loop.call({"GET", "key"})) == "value");
  CHECK(loop.call({"GET", "none"}).value().reply.is_nil());
}

TEST_CASE("octets of any value and nested replies arrive as they are") {
  RedisServer redis;
  Loop loop(config_for(redis));
  std::string odd;
  for (int i = 0; i < 256; ++i) odd += static_cast<char>(i);
  REQUIRE(loop.call({"SET", odd, odd + "\r\n$5\r\n"}));
  CHECK(text_of(loop.call({"GET", odd})) == odd + "\r\n$5\r\n");
  const auto nested = loop.call({"EVAL", "return {1, {'two', {3}}, false}", "0"});
  REQUIRE(nested);
  const Reply& reply = nested.value().reply;
  REQUIRE(reply.has_items(3));
  CHECK(reply.items[0].integer == 1);
  CHECK(reply.items[1].items[0].text == "two");
  CHECK(reply.items[1].items[1].items[0].integer == 3);
  CHECK(reply.items[2].is_nil());
}

TEST_CASE("a thousand pipelined commands are each answered once and in order") {
  RedisServer redis;
  Loop loop(config_for(redis));
  std::vector<std::string> answers;
  for (int i = 0; i < 1000; ++i)
    loop.client->call(
        {.arguments = {"ECHO", std::to_string(i)}},
        [&](const broker::Result<Answer>& answer) { answers.push_back(text_of(answer)); });
  REQUIRE(loop.until([&] { return answers.size() == 1000; }));
  for (std::size_t i = 0; i < 1000; ++i) CHECK(answers[i] == std::to_string(i));
}

TEST_CASE("a Unix socket, a database, a user with a password") {
  RedisServer redis({.arguments = {"--user", "relay", "on", ">tr-secret", "~*", "&*", "+@all",
                                   "--user", "default", "on", "nopass", "~*", "&*", "+@all"}});
  broker::RedisConfig config;
  config.addresses.push_back({"", 0, redis.socket()});
  config.database = 3;
  config.username = "relay";
  config.password = broker::Secret("tr-secret");
  Loop loop(config);
  CHECK(text_of(loop.call({"SET", "where", "here"})) == "OK");
  CHECK(text_of(loop.call({"ACL", "WHOAMI"})) == "relay");
  CHECK(redis.cli({"-n", "3", "GET", "where"}) == "here\n");
  CHECK(loop.servers.at(0).name == redis.socket());
}

TEST_CASE("a refused password is a clear problem without it, and heals") {
  RedisServer redis({.arguments = {"--user", "relay", "on", ">another", "~*", "&*", "+@all"}});
  broker::RedisConfig config = config_for(redis);
  config.username = "relay";
  config.password = broker::Secret("tr-secret");
  config.timeout_ms = 300;
  Loop loop(config);
  const std::string problem = redis.address() + ": it refuses the user or the password (WRONGPASS)";
  CHECK(error_of(loop.call({"PING"})) == problem + " (for 300 ms)");
  CHECK(loop.client->problem() == problem);
  CHECK_THAT(loop.fake_host.log_text(), Contains(problem));
  CHECK_THAT(loop.fake_host.log_text(), !Contains("tr-secret"));
  REQUIRE(redis.cli({"ACL", "SETUSER", "relay", ">tr-secret"}) == "OK\n");
  CHECK(loop.connected());
  CHECK(text_of(loop.call({"PING"})) == "PONG");
}

TEST_CASE("what a user may not do is an error and a problem until something is done again") {
  RedisServer redis(
      {.arguments = {"--user", "relay", "on", ">tr-secret", "~*", "&*", "+@all", "-flushall"}});
  broker::RedisConfig config = config_for(redis);
  config.username = "relay";
  config.password = broker::Secret("tr-secret");
  Loop loop(config);
  CHECK_THAT(error_of(loop.call({"FLUSHALL"})), Contains("NOPERM"));
  CHECK_THAT(loop.client->problem(), Contains("NOPERM"));
  CHECK(text_of(loop.call({"PING"})) == "PONG");
  CHECK(loop.client->problem().empty());
}

TEST_CASE("a server without memory refuses, and takes commands once it has some") {
  RedisServer redis({.arguments = {"--maxmemory", "100kb"}});
  Loop loop(config_for(redis));
  CHECK_THAT(error_of(loop.call({"SET", "key", "value"})), Contains("OOM"));
  CHECK_THAT(loop.client->problem(), Contains("OOM"));
  REQUIRE(redis.cli({"CONFIG", "SET", "maxmemory", "0"}) == "OK\n");
  CHECK(text_of(loop.call({"SET", "key", "value"})) == "OK");
  CHECK(loop.client->problem().empty());
}

TEST_CASE("a server that may drop accounts is not used") {
  RedisServer redis({.arguments = {"--maxmemory", "50mb", "--maxmemory-policy", "volatile-lru"}});
  Loop loop(config_for(redis));
  CHECK_FALSE(loop.call({"PING"}));
  CHECK_THAT(loop.client->problem(),
             Contains("volatile-lru") && Contains("set maxmemory-policy noeviction"));
  REQUIRE(redis.cli({"CONFIG", "SET", "maxmemory-policy", "noeviction"}) == "OK\n");
  CHECK(loop.until([&] { return loop.client->problem().empty(); }));
}

TEST_CASE("a script is loaded by need, also after the server has forgotten it") {
  RedisServer redis;
  Loop loop(config_for(redis));
  const Script script("append", "return redis.call('APPEND', KEYS[1], ARGV[1])");
  CHECK(script.sha1.size() == 40);
  CHECK(text_of(loop.eval(script, {"key"}, {"ab"})) == "2");
  CHECK(text_of(loop.eval(script, {"key"}, {"cd"})) == "4");
  CHECK(redis.cli({"SCRIPT", "EXISTS", script.sha1}) == "1\n");
  REQUIRE(redis.cli({"SCRIPT", "FLUSH"}) == "OK\n");
  CHECK(text_of(loop.eval(script, {"key"}, {"ef"})) == "6");
  CHECK_THAT(error_of(loop.eval(Script("broken", "return redis.call('GET')"), {"key"}, {})),
             Contains("ERR"));
}

TEST_CASE("the run id of the server is an argument") {
  RedisServer redis;
  Loop loop(config_for(redis));
  const std::string run_id = turntest::info_field(redis, "run_id");
  CHECK(text_of(loop.call({.arguments = {"ECHO", "?"}, .run_id_argument = 1})) == run_id);
  const Script script("join", "return ARGV[1] .. '/' .. ARGV[2]");
  CHECK(text_of(loop.eval(script, {"key"}, {"one", "?"}, {.run_id_argument = 1})) ==
        "one/" + run_id);
}

TEST_CASE("a command that replicas must have counts only when they have it") {
  RedisServer master;
  broker::RedisConfig config = config_for(master);
  config.timeout_ms = 900;
  Loop loop(config);
  const auto put = [&](const std::string& value) {
    return loop.call({.arguments = {"SET", "key", value}, .replicas_wanted = 1});
  };
  CHECK(error_of(put("alone")) == "WAIT: 0 of 1 replicas acknowledged within 300 ms");
  RedisServer replica({.arguments = {"--replicaof", "127.0.0.1 " + std::to_string(master.port())}});
  REQUIRE(loop.until([&] { return turntest::info_field(replica, "master_link_status") == "up"; }));
  CHECK(loop.until([&] { return text_of(put("together")) == "OK"; }));
  CHECK(replica.cli({"GET", "key"}) == "together\n");

  // Many at once, and none waits for the others' waits.
  replica.process().signal(SIGSTOP);
  std::vector<std::string> errors;
  for (int i = 0; i < 50; ++i)
    loop.client->call(
        {.arguments = {"SET", "key", "x"}, .replicas_wanted = 1},
        [&](const broker::Result<Answer>& answer) { errors.push_back(error_of(answer)); });
  REQUIRE(loop.until([&] { return errors.size() == 50; }));
  for (const std::string& error : errors)
    CHECK(error == "WAIT: 0 of 1 replicas acknowledged within 300 ms");
  CHECK(loop.servers.size() == 1);
  replica.process().signal(SIGCONT);
  CHECK(loop.until([&] { return text_of(put("again")) == "OK"; }));
}

TEST_CASE("more commands than the bound are refused at once") {
  RedisServer redis;
  Loop loop(config_for(redis), {.commands_max = 3, .octets_max = 1'000});
  std::vector<std::string> answers;
  const auto ask = [&](const std::string& text) {
    loop.client->call({.arguments = {"ECHO", text}}, [&](const broker::Result<Answer>& answer) {
      answers.push_back(text_of(answer));
    });
  };
  for (int i = 0; i < 4; ++i) ask("x");
  REQUIRE(answers.size() == 1);
  CHECK_THAT(answers[0], Contains("too much waits for Redis already: 3 commands"));
  REQUIRE(loop.until([&] { return answers.size() == 4; }));
  ask(std::string(1'001, 'x'));
  CHECK_THAT(answers.at(4), Contains("too much waits"));
  ask("x");
  REQUIRE(loop.until([&] { return answers.size() == 6; }));
  CHECK(answers[5] == "x");
}
