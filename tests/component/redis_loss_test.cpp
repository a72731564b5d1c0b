// The Redis client when servers go and come back: kills, stalls, TLS, subscriptions, sentinels, clusters.
#include "redis/slot.h"
#include "redis_fixture.h"
#include "support/redis_fleet.h"

using namespace redis_test;
using Catch::Matchers::Contains;
using turntest::RedisServer;

namespace {

/// What was published, and how often the subscription stood.
struct Heard {
  std::vector<std::string> messages;
  int subscribed = 0;

  void listen(Client& client) {
    client.subscribe(
        {"one", "two"},
        [this](const std::string& channel, const std::string& payload) {
          messages.push_back(channel + '=' + payload);
        },
        [this] { ++subscribed; });
  }
};

broker::RedisConfig config_for(const turntest::RedisSentinels& sentinels) {
  broker::RedisConfig config;
  config.mode = broker::RedisMode::sentinel;
  config.sentinel_master = turntest::RedisSentinels::master_name;
  for (std::size_t i = 0; i < 3; ++i)
    config.addresses.push_back({"127.0.0.1", sentinels.port(i), {}});
  return config;
}

broker::RedisConfig config_for(turntest::RedisCluster& cluster) {
  broker::RedisConfig config = redis_test::config_for(cluster.node(1));
  config.mode = broker::RedisMode::cluster;
  return config;
}

broker::RedisConfig with_tls(RedisServer& server) {
  broker::RedisConfig config = redis_test::config_for(server);
  config.tls = true;
  config.tls_ca = server.certificate().certificate.string();
  config.tls_server_name = "relay.test";
  config.timeout_ms = 500;
  return config;
}

}  // namespace

TEST_CASE("a server that was killed and is back is used again, with its new run id") {
  RedisServer redis;
  Loop loop(redis_test::config_for(redis));
  Heard heard;
  heard.listen(*loop.client);
  REQUIRE(loop.until([&] { return heard.subscribed == 1; }));
  const std::string before = loop.servers.at(0).run_id;
  redis.kill();
  REQUIRE(loop.until([&] { return !loop.client->problem().empty(); }));
  CHECK_THAT(loop.client->problem(), Contains(redis.address()));
  // What is called meanwhile waits, and is executed once the server is there.
  std::optional<broker::Result<Answer>> answer;
  loop.client->call({.arguments = {"INCR", "key"}},
                    [&](auto result) { answer = std::move(result); });
  redis.start();
  CHECK(text_of(loop.await(answer)) == "1");
  REQUIRE(loop.servers.size() == 2);
  CHECK(loop.servers[1].run_id != before);
  CHECK(loop.client->problem().empty());
  REQUIRE(loop.until([&] { return heard.subscribed == 2; }));
  REQUIRE(redis.cli({"PUBLISH", "two", "again"}) == "1\n");
  CHECK(loop.until([&] { return !heard.messages.empty(); }));
  CHECK(heard.messages == std::vector<std::string>{"two=again"});
}

TEST_CASE("a server that stands still is noticed by its silence, and used when it goes on") {
  RedisServer redis;
  broker::RedisConfig config = redis_test::config_for(redis);
  config.timeout_ms = 300;
  config.connect_timeout_ms = 300;
  Loop loop(config, {.ping_interval_ms = 100});
  REQUIRE(loop.connected());
  // Without a command the contact is kept by PINGs.
  const std::int64_t first_ms = loop.client->last_contact_ms();
  REQUIRE(loop.until([&] { return loop.client->last_contact_ms() >= first_ms + 200; }, 2'000));

  redis.process().signal(SIGSTOP);
  const std::int64_t stopped_ms = loop.clock.steady_ms();
  REQUIRE(loop.until([&] { return !loop.client->problem().empty(); }));
  CHECK(loop.clock.steady_ms() - stopped_ms < 1'500);
  CHECK(loop.client->problem() == redis.address() + ": no answer within 300 ms");
  CHECK(loop.client->last_contact_ms() <= stopped_ms);
  const auto answer = loop.call({"GET", "key"});
  CHECK_THAT(error_of(answer), Contains("(for 300 ms)"));
  redis.process().signal(SIGCONT);
  REQUIRE(loop.connected());
  CHECK(loop.client->last_contact_ms() > stopped_ms);
}

TEST_CASE("a server that is not there is a problem, and told once") {
  broker::RedisConfig config = redis_test::config_for(turntest::free_port());
  config.timeout_ms = 200;
  Loop loop(config);
  CHECK(loop.client->last_contact_ms() == plugin::redis::no_contact_ms);
  CHECK_THAT(error_of(loop.call({"PING"})), Contains("Connection refused"));
  CHECK_FALSE(loop.until([] { return false; }, 500));
  const std::string log = loop.fake_host.log_text();
  CHECK(log.find("Connection refused") == log.rfind("Connection refused"));
}

TEST_CASE("a name is resolved; one that is none is a problem; a client may go amid it") {
  RedisServer redis;
  broker::RedisConfig config = redis_test::config_for(redis);
  config.addresses[0].host = "localhost";
  {
    Loop loop(config);
    CHECK(text_of(loop.call({"PING"})) == "PONG");
    CHECK(loop.servers.at(0).name == "localhost:" + std::to_string(redis.port()));
  }
  config.addresses[0].host = "no-such-host.invalid";
  config.timeout_ms = 300;
  config.connect_timeout_ms = 300;
  {
    Loop loop(config);
    CHECK_THAT(error_of(loop.call({"PING"})), Contains("no-such-host.invalid"));
  }
  Loop loop(config);
  CHECK_FALSE(loop.until([] { return false; }, 20));
}

TEST_CASE("TLS with the authority and the name that are believed") {
  RedisServer redis({.tls = true});
  broker::RedisConfig config = with_tls(redis);
  SECTION("is spoken") {
    Loop loop(config);
    CHECK(text_of(loop.call({"SET", "key", "value"})) == "OK");
    CHECK(text_of(loop.call({"SET", "long", std::string(1'000'000, 'x')})) == "OK");
    CHECK(loop.call({"GET", "long"}).value().reply.text.size() == 1'000'000);
    redis.kill();
    redis.start();
    CHECK(loop.until([&] { return text_of(loop.call({"PING"})) == "PONG"; }));
  }
  SECTION("refuses another name") {
    config.tls_server_name = "other.test";
    Loop loop(config);
    CHECK_THAT(error_of(loop.call({"PING"})),
               Contains("its certificate is refused: hostname mismatch"));
  }
  SECTION("refuses the address when no name is given") {
    config.tls_server_name.clear();
    Loop loop(config);
    CHECK_THAT(error_of(loop.call({"PING"})),
               Contains("its certificate is refused: IP address mismatch"));
  }
  SECTION("refuses an unknown authority") {
    config.tls_ca.clear();
    Loop loop(config);
    CHECK_THAT(error_of(loop.call({"PING"})), Contains("its certificate is refused: self-signed"));
  }
  SECTION("names a file that cannot be used") {
    config.tls_ca = "/nowhere/ca.pem";
    const plugin::Clock clock;
    testing::FakeHost fake;
    const plugin::Host host(fake.table());
    const plugin::http::EventBaseHandle base(event_base_new());
    const auto client = Client::start(base.get(), config, clock, host);
    REQUIRE_FALSE(client);
    CHECK_THAT(client.error().message, Contains("broker.store.tls_ca /nowhere/ca.pem"));
  }
}

TEST_CASE("TLS with a certificate of the client's own") {
  RedisServer redis({.tls = true, .arguments = {"--tls-auth-clients", "yes"}});
  broker::RedisConfig config = with_tls(redis);
  {
    Loop loop(config);
    CHECK_THAT(error_of(loop.call({"PING"})), Contains(redis.address()));
  }
  config.tls_certificate = redis.certificate().certificate.string();
  config.tls_private_key = redis.certificate().key.string();
  Loop loop(config);
  CHECK(text_of(loop.call({"PING"})) == "PONG");
}

TEST_CASE("a subscription hears what is published, and is no obstacle to commands") {
  RedisServer redis;
  Loop loop(redis_test::config_for(redis), {.ping_interval_ms = 50});
  Heard heard;
  heard.listen(*loop.client);
  REQUIRE(loop.until([&] { return heard.subscribed == 1; }));
  CHECK(text_of(loop.call({"PUBLISH", "one", "1"})) == "1");
  CHECK_FALSE(loop.until([] { return false; }, 300));  // PINGs go on meanwhile
  CHECK(text_of(loop.call({"PUBLISH", "two", "2"})) == "1");
  CHECK(text_of(loop.call({"PUBLISH", "three", "3"})) == "0");
  REQUIRE(loop.until([&] { return heard.messages.size() == 2; }));
  CHECK(heard.messages == std::vector<std::string>{"one=1", "two=2"});
  CHECK(heard.subscribed == 1);
  REQUIRE(redis.cli({"CLIENT", "KILL", "TYPE", "pubsub"}) == "1\n");
  CHECK(loop.until([&] { return heard.subscribed == 2; }));
}

TEST_CASE("sentinels name the master, and its successor when it is gone") {
  turntest::RedisSentinels fleet;
  Loop loop(config_for(fleet));
  Heard heard;
  heard.listen(*loop.client);
  CHECK(text_of(loop.call({"SET", "key", "1"})) == "OK");
  REQUIRE(loop.until([&] { return heard.subscribed == 1; }));
  CHECK(loop.servers.at(0).name == fleet.first().address());

  fleet.kill_sentinel(0);
  fleet.first().kill();
  REQUIRE(loop.until([&] { return loop.servers.size() >= 2; }, 30'000));
  CHECK(loop.servers.back().name == fleet.second().address());
  CHECK(text_of(loop.call({"SET", "key", "2"})) == "OK");
  CHECK(fleet.second().cli({"GET", "key"}) == "2\n");
  REQUIRE(loop.until([&] { return heard.subscribed >= 2; }));
  (void)fleet.second().cli({"PUBLISH", "one", "new"});
  CHECK(loop.until([&] { return !heard.messages.empty(); }));

  // It comes back as a replica, and nobody takes it for the master.
  fleet.first().start();
  REQUIRE(
      loop.until([&] { return turntest::info_field(fleet.first(), "role") == "slave"; }, 30'000));
  CHECK(text_of(loop.call({"SET", "key", "3"})) == "OK");
  CHECK(fleet.second().cli({"GET", "key"}) == "3\n");
}

TEST_CASE("a master that is made a replica behind our back is left by itself") {
  turntest::RedisSentinels fleet;
  Loop loop(config_for(fleet), {.ping_interval_ms = 50});
  REQUIRE(loop.connected());
  REQUIRE(fleet.cli(1, {"SENTINEL", "FAILOVER", "main"}) == "OK\n");
  REQUIRE(loop.until([&] { return loop.servers.back().name == fleet.second().address(); }, 30'000));
  CHECK(text_of(loop.call({"SET", "key", "value"})) == "OK");
}

TEST_CASE("a name that no sentinel knows is a clear problem") {
  turntest::RedisSentinels fleet;
  broker::RedisConfig config = config_for(fleet);
  config.sentinel_master = "unheard-of";
  Loop loop(config);
  CHECK(loop.until([&] {
    return loop.client->problem().find("this sentinel knows no master unheard-of") !=
           std::string::npos;
  }));
}

TEST_CASE("in a cluster each key goes to its master, also while slots move") {
  using plugin::redis::slot_of;
  turntest::RedisCluster cluster;
  Loop loop(config_for(cluster));
  Heard heard;
  heard.listen(*loop.client);
  for (int i = 0; i < 16; ++i) {
    const std::string key = "turnbroker:{tb" + std::to_string(i) + "}:store";
    CHECK(text_of(loop.call_for(key, {"SET", key, "x"})) == "OK");
    auto& owner = cluster.node(turntest::RedisCluster::owner_of(slot_of(key)));
    CHECK(owner.cli({"EXISTS", key}) == "1\n");
  }
  CHECK(loop.servers.size() >= 3);
  CHECK(loop.client->problem().empty());
  CHECK(loop.client->last_contact_ms() > 0);
  REQUIRE(loop.until([&] { return heard.subscribed >= 1; }));
  (void)cluster.node(2).cli({"PUBLISH", "one", "across"});
  CHECK(loop.until([&] { return !heard.messages.empty(); }));

  // Amid the migration ASK, afterwards MOVED.
  const std::string key = "turnbroker:{tb3}:store";
  const std::uint16_t slot = slot_of(key);
  const std::size_t from = turntest::RedisCluster::owner_of(slot);
  const std::size_t to = (from + 1) % 3;
  const std::string number = std::to_string(slot);
  (void)cluster.node(to).cli({"CLUSTER", "SETSLOT", number, "IMPORTING", cluster.id(from)});
  (void)cluster.node(from).cli({"CLUSTER", "SETSLOT", number, "MIGRATING", cluster.id(to)});
  const std::string fresh = "turnbroker:{tb3}:fresh";
  CHECK(text_of(loop.call_for(fresh, {"SET", fresh, "asked"})) == "OK");
  CHECK(text_of(loop.call_for(key, {"GET", key})) == "x");
  cluster.move_slot(slot, from, to);
  const auto moved = loop.call_for(key, {"GET", key});
  CHECK(text_of(moved) == "x");
  CHECK(moved.value().server.name == cluster.node(to).address());
  CHECK(text_of(loop.call_for(fresh, {"GET", fresh})) == "asked");
}

TEST_CASE("a cluster that lost a master serves the others, and says what it cannot") {
  turntest::RedisCluster cluster;
  broker::RedisConfig config = config_for(cluster);
  config.timeout_ms = 500;
  Loop loop(config, {.ping_interval_ms = 100});
  const auto set = [&](const std::string& key) { return loop.call_for(key, {"SET", key, "x"}); };
  REQUIRE(set("{tb0}").ok());
  std::string other;
  for (int i = 1; other.empty(); ++i) {
    const std::string key = "{tb" + std::to_string(i) + '}';
    const auto owner = [](const std::string& name) {
      return turntest::RedisCluster::owner_of(plugin::redis::slot_of(name));
    };
    if (owner(key) != owner("{tb0}")) other = key;
  }
  REQUIRE(set(other).ok());
  auto& lost = cluster.node(turntest::RedisCluster::owner_of(plugin::redis::slot_of(other)));
  (void)cluster.node(0).cli({"CONFIG", "SET", "cluster-require-full-coverage", "no"});
  (void)cluster.node(1).cli({"CONFIG", "SET", "cluster-require-full-coverage", "no"});
  (void)cluster.node(2).cli({"CONFIG", "SET", "cluster-require-full-coverage", "no"});
  lost.kill();
  REQUIRE(loop.until([&] { return !loop.client->problem().empty(); }));
  const std::int64_t lost_ms = loop.clock.steady_ms();
  CHECK_FALSE(set(other).ok());
  CHECK(set("{tb0}").ok());
  CHECK(loop.client->last_contact_ms() <= lost_ms);
}

TEST_CASE("sentinels and their servers over TLS, each with a password") {
  const turntest::TempDir directory;
  const auto certificate = turntest::make_certificate(directory.path());
  turntest::RedisSentinels fleet(
      {.tls = true, .certificate = certificate, .password = "of-the-servers"}, "of-the-sentinels");
  broker::RedisConfig config = config_for(fleet);
  config.tls = true;
  config.tls_ca = certificate.certificate.string();
  config.tls_server_name = "relay.test";
  config.password = broker::Secret("of-the-servers");
  SECTION("are followed through a failover") {
    config.sentinel_password = broker::Secret("of-the-sentinels");
    Loop loop(config);
    CHECK(text_of(loop.call({"SET", "key", "1"})) == "OK");
    REQUIRE(fleet.cli(1, {"SENTINEL", "FAILOVER", "main"}) == "OK\n");
    REQUIRE(
        loop.until([&] { return loop.servers.back().name == fleet.second().address(); }, 30'000));
    CHECK(text_of(loop.call({"GET", "key"})) == "1");
  }
  SECTION("refuse who has not theirs") {
    config.sentinel_password = broker::Secret("of-the-servers");
    Loop loop(config);
    CHECK_FALSE(loop.call({"PING"}));
    CHECK_THAT(loop.client->problem(), Contains("WRONGPASS"));
    CHECK_THAT(loop.client->problem(), !Contains("of-the-servers"));
  }
}

TEST_CASE("a cluster over TLS, with a password") {
  const turntest::TempDir directory;
  const auto certificate = turntest::make_certificate(directory.path());
  turntest::RedisCluster cluster({.tls = true, .certificate = certificate, .password = "secret"});
  broker::RedisConfig config = config_for(cluster);
  config.tls = true;
  config.tls_ca = certificate.certificate.string();
  config.tls_server_name = "relay.test";
  config.password = broker::Secret("secret");
  Loop loop(config);
  for (int i = 0; i < 16; ++i) {
    const std::string key = "turnbroker:{tb" + std::to_string(i) + "}:store";
    CHECK(text_of(loop.call_for(key, {"SET", key, "x"})) == "OK");
  }
  CHECK(loop.servers.size() >= 3);
  CHECK(loop.client->problem().empty());
}

TEST_CASE("a server at an IPv6 address", "[.ipv6]") {
  RedisServer redis({.arguments = {"--bind", "127.0.0.1", "::1"}});
  broker::RedisConfig config;
  config.addresses.push_back({"::1", redis.port(), {}});
  Loop loop(config);
  CHECK(text_of(loop.call({"PING"})) == "PONG");
  CHECK(loop.servers.at(0).name == "[::1]:" + std::to_string(redis.port()));
}
