// What [broker.store] says of Redis. What is refused: broken-configs/15x.
#include <catch2/catch.hpp>
#include <string>

#include "broker/config.h"
#include "broker/quota_period.h"
#include "memory_files.h"

using broker::Config;
using tests::config_files;

namespace {

Config must_load(const std::string& text) {
  const auto config = broker::load_config(
      "etc/turnbroker.toml",
      config_files({{"etc/turnbroker.toml", text}, {"etc/redis.pw", "tr secret\r\nmore\n"}}));
  INFO((config ? std::string() : config.error().message));
  REQUIRE(config);
  return config.value();
}

broker::RedisConfig redis_of(const std::string& keys) {
  const Config config = must_load("[broker.store]\nkind = \"redis\"\n" + keys);
  REQUIRE(config.store.redis);
  return *config.store.redis;
}

}  // namespace

TEST_CASE("a store without a kind, or of sqlite, is no Redis") {
  CHECK_FALSE(must_load("[broker]\n").store.redis);
  const Config config = must_load("[broker.store]\nkind = \"sqlite\"\npath = \"a.db\"\n");
  CHECK_FALSE(config.store.redis);
  CHECK(config.store.path == "a.db");
}

TEST_CASE("a Redis with nothing but its URL has the documented defaults") {
  broker::RedisConfig expected;
  expected.addresses = {{"redis.example.org", 6'379, ""}};
  CHECK(redis_of("url = \"redis://redis.example.org\"\n") == expected);
  CHECK(expected.mode == broker::RedisMode::single);
  CHECK(expected.timeout_ms == 2'000);
  CHECK(expected.connect_timeout_ms == 2'000);
  CHECK(expected.validity_time_ms == 15'000);
  CHECK(expected.lost_grant == broker::LostGrant::charge);
  CHECK_FALSE(expected.on_store_loss);
  CHECK(expected.replicas == 0);
  CHECK(expected.report_interval_ms == 10'000);
  CHECK(expected.records_max == 1'000'000);
}

TEST_CASE("every key of a Redis arrives") {
  const auto redis = redis_of(R"(
urls = ["rediss://10.0.0.1:26379/2", "rediss://[::1]:26380/2", "rediss://c.example/2"]
mode = "sentinel"
sentinel_master = "main"
username = "relay"
password_file = "redis.pw"
sentinel_username = "watcher"
sentinel_password = "x"
tls_ca = "ca.pem"
tls_certificate = "/etc/ssl/relay.pem"
tls_private_key = "relay.key"
tls_server_name = "redis.example.org"
timeout = "250ms"
connect_timeout = "60s"
validity_time = "1m"
lost_grant = "refund"
on_store_loss = "continue:10 MB"
replicas = 2
report_interval = "1h"
records_max = 0
)");
  REQUIRE(redis.addresses.size() == 3);
  CHECK(redis.addresses[1] == broker::RedisAddress{"::1", 26'380, ""});
  CHECK(redis.addresses[2] == broker::RedisAddress{"c.example", 6'379, ""});
  CHECK(redis.tls);
  CHECK(redis.database == 2);
  CHECK(redis.mode == broker::RedisMode::sentinel);
  CHECK(redis.sentinel_master == "main");
  CHECK(redis.username == "relay");
  CHECK(redis.password.reveal() == "tr secret");
  CHECK(redis.sentinel_username == "watcher");
  CHECK(redis.sentinel_password.reveal() == "x");
  CHECK(redis.tls_ca == "etc/ca.pem");
  CHECK(redis.tls_certificate == "/etc/ssl/relay.pem");
  CHECK(redis.tls_private_key == "etc/relay.key");
  CHECK(redis.tls_server_name == "redis.example.org");
  CHECK(redis.timeout_ms == 250);
  CHECK(redis.connect_timeout_ms == 60'000);
  CHECK(redis.validity_time_ms == 60'000);
  CHECK(redis.lost_grant == broker::LostGrant::refund);
  CHECK(redis.on_store_loss == broker::Octets{10'000'000});
  CHECK(redis.replicas == 2);
  CHECK(redis.report_interval_ms == 3'600'000);
  CHECK(redis.records_max == 0);
}

TEST_CASE("a Unix socket and a cluster") {
  CHECK(redis_of("url = \"unix:/run/redis.sock\"\n").addresses.at(0).path == "/run/redis.sock");
  const auto cluster =
      redis_of("urls = [\"redis://a:1\", \"redis://b:2/0\"]\nmode = \"cluster\"\n");
  CHECK(cluster.mode == broker::RedisMode::cluster);
  CHECK(cluster.addresses.size() == 2);
}

TEST_CASE("another store needs a restart") {
  const Config sqlite = must_load("[broker]\n");
  const std::string url = "[broker.store]\nkind = \"redis\"\nurl = \"redis://a\"\n";
  const std::vector<std::string> store{"broker.store"};
  CHECK(broker::restart_needed(sqlite, must_load(url)) == store);
  CHECK(broker::restart_needed(must_load(url), must_load(url + "timeout = \"1s\"\n")) == store);
  CHECK(broker::restart_needed(must_load(url), must_load(url)).empty());
}

TEST_CASE("durations are read in milliseconds, too") {
  CHECK(broker::parse_duration_ms("250ms").value() == 250);
  CHECK(broker::parse_duration_ms("2").value() == 2'000);
  CHECK(broker::parse_duration_ms("3650d").value() == 315'360'000'000);
  CHECK_FALSE(broker::parse_duration_ms("3651d"));
  CHECK_FALSE(broker::parse_duration_ms("0ms"));
  CHECK_FALSE(broker::parse_duration_ms("1.5s"));
  CHECK(broker::parse_duration_ms("1us").error().message ==
        R"("1us" has the unknown unit "us"; allowed: a whole number and ms, s, m, h or d, such as )"
        R"("250ms", from 1ms to 3650d)");
}
