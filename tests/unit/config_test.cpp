#include "broker/config.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "memory_files.h"

using broker::Config;
using broker::load_config;
using broker::MediaType;
using tests::config_files;
using tests::MemoryFiles;

namespace {

constexpr const char* full_text = R"(
[broker]
realm = "example.org"
default_csp = "acme"
secret = "broker-secret-number-1"
secrets = ["broker-secret-number-2", "broker-secret-number-3"]
secret_file = "secrets/broker"
secrets_files = ["/run/secrets/broker-a", "secrets/broker-b"]
strict_expiry = true
credential_ttl = "2h"
drain_time = "10m"
state_dir = "state"
control_socket = "/run/turnbroker.sock"
include = ["csp.d/*.toml", "/usr/share/turnbroker/extra.toml"]
[broker.store]
path = "ledger.db"
[broker.records]
path = "/var/log/usage.jsonl"
rotate_size = "1 MB"
keep = 3
[broker.limits]
allocations_max = 1024
accounts_max = 512

[relay]
id = "Relay-1.example"
urls = ["turn:relay.example.org", "turns:192.0.2.1:5349?transport=tcp"]

[csp.acme]
name = "ACME Inc. 🛰"
secret = "acme-secret-number-1"
quota.data = { volume = "10 GB", period = "total" }
[csp.acme.quota.video]
volume = "500 GB"
period = "month"
rate = "2.5 Mbit/s"
allocations = 40
per_client = "20 GiB"
clients = 7000
charge = "peer_to_client"
)";

MemoryFiles full_files() {
  return {
      {"etc/turnbroker.toml", full_text},
      {"etc/secrets/broker", "broker-secret-number-4\r\n\nbroker-secret-number-5"},
      {"/run/secrets/broker-a", "broker-secret-number-6\n"},
      {"etc/secrets/broker-b", "broker-secret-number-7\n\n"},
      {"etc/csp.d/a.toml",
       "[csp.\"b.c\"]\nsecret_file = \"../secrets/bc\"\nquota.audio = {volume = \"0 B\", period = "
       "\"day\"}\n"},
      {"etc/csp.d/../secrets/bc", "secret-of-b.c-number-1\n"},
      {"etc/csp.d/b.toml",
       "[csp.late]\nsecret = \"0123456789abcdef\"\nquota.data = {volume = \"1 B\", period = "
       "\"day\"}\n"},
      {"/usr/share/turnbroker/extra.toml",
       "[csp.extra.quota.data]\nvolume = \"1 TB\"\nperiod = \"month\"\n"},
  };
}

Config must_load(const MemoryFiles& files, const std::string& path = "turnbroker.toml") {
  const auto config = load_config(path, config_files(files));
  INFO((config ? std::string() : config.error().message));
  REQUIRE(config);
  return config.value();
}

std::string error_of(const std::string& text) {
  const auto config = load_config("turnbroker.toml", config_files({{"turnbroker.toml", text}}));
  return config ? "no error" : config.error().message;
}

std::vector<std::string> revealed(const std::vector<broker::Secret>& secrets) {
  std::vector<std::string> texts;
  for (const auto& secret : secrets) texts.emplace_back(secret.reveal());
  return texts;
}

}  // namespace

TEST_CASE("a configuration of empty tables has the documented defaults") {
  for (const std::string text :
       {"[broker]", "\xef\xbb\xbf[relay]", "[csp]\n", "[broker]\r\n[relay]\r\n"}) {
    const Config config = must_load({{"turnbroker.toml", text}});
    Config expected;
    expected.files = {"turnbroker.toml"};
    CHECK(config == expected);
    CHECK(config.state_dir == "/var/lib/turnbroker");
    CHECK(config.credential_ttl_s == 3600);
    CHECK(config.drain_time_s == 0);
    CHECK(config.limits.allocations_max == 65'536);
    CHECK(config.records.rotate_size.count == 64'000'000);
    CHECK(config.relay.id == "relay");
    CHECK(config.csps.empty());
  }
}

TEST_CASE("every key of a full configuration arrives") {
  const Config config = must_load(full_files(), "etc/turnbroker.toml");
  CHECK(config.realm == "example.org");
  CHECK(config.default_csp == "acme");
  CHECK(config.strict_expiry);
  CHECK(config.credential_ttl_s == 7'200);
  CHECK(config.drain_time_s == 600);
  CHECK(config.state_dir == "etc/state");
  CHECK(config.control_socket == "/run/turnbroker.sock");
  CHECK(config.store.path == "ledger.db");
  CHECK(config.records.path == "/var/log/usage.jsonl");
  CHECK(config.records.rotate_size.count == 1'000'000);
  CHECK(config.records.keep == 3);
  CHECK(config.limits.allocations_max == 1'024);
  CHECK(config.limits.accounts_max == 512);
  CHECK(config.relay.id == "Relay-1.example");
  CHECK(config.relay.urls ==
        std::vector<std::string>{"turn:relay.example.org", "turns:192.0.2.1:5349?transport=tcp"});
  REQUIRE(config.csps.size() == 4);

  const broker::Csp& acme = config.csps.at("acme");
  CHECK(acme.id == "acme");
  CHECK(acme.name == "ACME Inc. 🛰");
  REQUIRE(acme.quotas.size() == 2);
  const broker::Quota& video = acme.quotas.at(MediaType::video);
  CHECK(video.volume.count == 500'000'000'000);
  CHECK(video.period == broker::PeriodKind::month);
  CHECK(video.charge == broker::Charge::peer_to_client);
  CHECK(video.rate == broker::BitRate{2'500'000});
  CHECK(video.allocations_max == 40U);
  CHECK(video.per_client == broker::Octets{std::uint64_t{20} << 30});
  CHECK(video.clients_max == 7'000);
  const broker::Quota& data = acme.quotas.at(MediaType::data);
  CHECK(data.period == broker::PeriodKind::total);
  CHECK(data.charge == broker::Charge::both);
  CHECK_FALSE(data.rate);
  CHECK_FALSE(data.allocations_max);
  CHECK_FALSE(data.per_client);
  CHECK(data.clients_max == 50'000);

  CHECK(config.csps.at("b.c").name == "b.c");
  CHECK(config.csps.at("b.c").quotas.at(MediaType::audio).volume.count == 0);
  CHECK(config.csps.at("extra").secrets.empty());
}

TEST_CASE("secrets come from the file and from others, the newest first") {
  const Config config = must_load(full_files(), "etc/turnbroker.toml");
  CHECK(revealed(config.secrets) ==
        std::vector<std::string>{"broker-secret-number-1", "broker-secret-number-2",
                                 "broker-secret-number-3", "broker-secret-number-4",
                                 "broker-secret-number-5", "broker-secret-number-6",
                                 "broker-secret-number-7"});
  CHECK(revealed(config.csps.at("acme").secrets) ==
        std::vector<std::string>{"acme-secret-number-1"});
  CHECK(revealed(config.csps.at("b.c").secrets) ==
        std::vector<std::string>{"secret-of-b.c-number-1"});
}

TEST_CASE("the configuration names every file and pattern to watch") {
  const Config config = must_load(full_files(), "etc/turnbroker.toml");
  CHECK(config.files == std::vector<std::string>{
                            "etc/turnbroker.toml", "etc/secrets/broker", "/run/secrets/broker-a",
                            "etc/secrets/broker-b", "etc/csp.d/a.toml", "etc/csp.d/../secrets/bc",
                            "etc/csp.d/b.toml", "/usr/share/turnbroker/extra.toml"});
  CHECK(config.include_patterns ==
        std::vector<std::string>{"etc/csp.d/*.toml", "/usr/share/turnbroker/extra.toml"});
}

TEST_CASE("a file that two patterns match is read once") {
  const Config config = must_load(
      {{"turnbroker.toml", "[broker]\ninclude = [\"csp.d/*.toml\", \"csp.d/a*\"]\n"},
       {"csp.d/a.toml",
        "[csp.acme]\nsecret = \"0123456789abcdef\"\nquota.audio = {volume = \"1 B\", period = "
        "\"day\"}\n"}});
  CHECK(config.csps.size() == 1);
  CHECK(config.files.size() == 2);
}

TEST_CASE("an include pattern that matches nothing yet is fine") {
  CHECK(must_load({{"turnbroker.toml", "[broker]\ninclude = \"csp.d/*.toml\"\n"}}).csps.empty());
}

TEST_CASE("the directory of the configuration is no part of the pattern") {
  std::string asked;
  broker::ConfigFiles files = config_files({{"/etc/[x]*/a.toml", "[broker]\ninclude = \"*.inc\""}});
  files.match = [&](const std::string& pattern) {
    asked = pattern;
    return std::vector<std::string>{};
  };
  REQUIRE(load_config("/etc/[x]*/a.toml", files));
  CHECK(asked == R"(/etc/\[x\]\*/*.inc)");
}

TEST_CASE("equal texts give equal configurations, and every change shows") {
  const Config config = must_load(full_files(), "etc/turnbroker.toml");
  CHECK(config == must_load(full_files(), "etc/turnbroker.toml"));
  const std::vector<std::pair<std::string, std::string>> changes{
      {"volume = \"500 GB\"", "volume = \"501 GB\""},
      {"acme-secret-number-1", "acme-secret-number-9"},
      {"strict_expiry = true", "strict_expiry = false"},
      {"drain_time = \"10m\"", "drain_time = \"0s\""},
      {"allocations = 40", "allocations = 41"},
      {"rate = \"2.5 Mbit/s\"", ""},
      {"name = \"ACME Inc. 🛰\"", ""},
      {"turn:relay.example.org", "turn:relay.example.net"},
      {"keep = 3", "keep = 4"},
  };
  for (const auto& [from, to] : changes) {
    CAPTURE(from);
    MemoryFiles files = full_files();
    std::string& text = files["etc/turnbroker.toml"];
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    CHECK_FALSE(must_load(files, "etc/turnbroker.toml") == config);
  }
}

TEST_CASE("what needs a restart is named, and only that") {
  const Config running;
  CHECK(broker::restart_needed(running, running).empty());
  Config wanted = running;
  wanted.secrets.emplace_back("0123456789abcdef");
  wanted.default_csp = "acme";
  wanted.strict_expiry = true;
  wanted.credential_ttl_s = 60;
  wanted.drain_time_s = 60;
  wanted.records.keep = running.records.keep + 1;
  wanted.relay.urls = {"turn:relay.example.org"};
  wanted.csps["acme"].id = "acme";
  wanted.files = {"turnbroker.toml"};
  CHECK(broker::restart_needed(running, wanted).empty());

  wanted.realm = "example.org";
  CHECK(broker::restart_needed(running, wanted) == std::vector<std::string>{"broker.realm"});
  wanted.state_dir = "/srv";
  wanted.control_socket = "other.sock";
  wanted.store.path = "other.sqlite3";
  wanted.records.path = "other.jsonl";
  wanted.limits = {16, 16};
  wanted.relay.id = "other";
  CHECK(broker::restart_needed(running, wanted) ==
        std::vector<std::string>{"broker.realm", "broker.state_dir", "broker.control_socket",
                                 "broker.store.path", "broker.records.path",
                                 "broker.limits.allocations_max", "broker.limits.accounts_max",
                                 "relay.id"});
}

TEST_CASE("paths of the broker's own files are below the state directory") {
  Config config;
  CHECK(broker::state_path(config, config.control_socket) == "/var/lib/turnbroker/control.sock");
  CHECK(broker::state_path(config, "/run/x.sock") == "/run/x.sock");
  config.state_dir = "state";
  CHECK(broker::state_path(config, "a/b") == "state/a/b");
}

TEST_CASE("a time to drain may be none, and no more than a day") {
  for (const auto& [text, time_s] : std::vector<std::pair<std::string, std::int64_t>>{
           {"0s", 0}, {"0", 0}, {"90s", 90}, {"24h", broker::drain_time_s_max}}) {
    CAPTURE(text);
    CHECK(must_load({{"turnbroker.toml", "[broker]\ndrain_time = \"" + text + "\"\n"}})
              .drain_time_s == time_s);
  }
}

TEST_CASE("a CSP needs a secret only if nobody could use it otherwise") {
  const std::string quota = "[csp.acme.quota.data]\nvolume = \"1 GB\"\nperiod = \"day\"\n";
  CHECK(error_of(quota).find("nobody could use it") != std::string::npos);
  CHECK(error_of("[broker]\nsecret = \"0123456789abcdef\"\n" + quota) == "no error");
  CHECK(error_of("[broker]\ndefault_csp = \"acme\"\n" + quota) == "no error");
  CHECK(error_of("[csp.acme]\nsecret = \"0123456789abcdef\"\n" + quota) == "no error");
}
