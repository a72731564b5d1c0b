// A running broker tells of itself, hears of others, and follows its geographic database.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "api_client.h"
#include "fake_relay.h"
#include "fleet/geo_lookup.h"
#include "support/mmdb_writer.h"
#include "support/temp_dir.h"

using testing::eventually;
using testing::FakeAllocation;
using testing::FakeRelay;
using testing::RunningBroker;
using Json = nlohmann::json;

namespace {

const std::string key = "acme-api-key-0123456789";
const api_client::Headers with_key{{"Authorization", "Bearer " + key}};

std::string config(const std::string& relay = "", const std::string& broker = "") {
  return broker + "[broker.http]\nlisten = \"127.0.0.1:0\"\nrequests_per_address = 100000\n" +
         "[relay]\nid = \"fra1\"\nurls = [\"turn:127.0.0.1:3478\"]\n" + relay +
         "[csp.acme]\nsecret = \"secret-of-acme-0123456789\"\napi_key = \"" + key +
         "\"\nfallbacks = 1\n[csp.acme.quota.data]\nvolume = \"1 GB\"\nperiod = \"total\"\n";
}

std::string database(double latitude) {
  turntest::MmdbWriter writer;
  writer.add("192.0.2.0/24", latitude, 8);
  return writer.bytes();
}

}  // namespace

TEST_CASE("a broker tells the fleet who it is and what it carries", "[fleet]") {
  RunningBroker running(
      config("domain = \"core\"\nregion = \"eu\"\nlatitude = 50\nlongitude = 8\n"
             "weight = 300\ncapacity = \"1 Gbit/s\"\n"));
  const auto self = [&] { return running.broker().fleet().get()->self; };
  const auto first = self();
  CHECK(first.id == "fra1");
  CHECK(first.incarnation != 0);
  CHECK_FALSE(first.version.empty());
  CHECK(first.domain == "core");
  CHECK(first.region == "eu");
  CHECK(first.place == broker::Coordinates{50, 8});
  CHECK(first.urls == std::vector<std::string>{"turn:127.0.0.1:3478"});
  CHECK(first.weight == 300);
  CHECK(first.capacity == broker::BitRate{1'000'000'000});
  CHECK(first.allocations_max == 65'536U);
  CHECK(first.healthy);
  CHECK(eventually([&] { return self().heartbeat_ms > first.heartbeat_ms; }));

  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation;
  const auto user = testing::mint("secret-of-acme-0123456789", "acme/data/alice",
                                  running.clock.unix_ms() / 1000 + 600);
  REQUIRE(relay.allocate(user.username, user.password, allocation) == 0);
  CHECK(eventually([&] { return self().allocations == 1; }));
  CHECK(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 100'000);
    return self().octets_per_s[0] > 0;
  }));
  CHECK(self().octets_per_s[1] == 0);
  relay.close(allocation, TURN_CLOSE_RELEASED);

  running.write_config(config("weight = 400\n"));
  CHECK(eventually([&] { return self().weight == 400; }));
  CHECK_FALSE(self().place);
}

TEST_CASE("what a broker is told of other relays its clients get", "[fleet]") {
  RunningBroker running(config());
  const std::string url = running.broker().api_urls().at(0);
  const auto ask = [&] {
    const auto answer = api_client::get(
        url + "/v1/getTurnAddr?cspID=acme&mediaType=data&clientName=alice", with_key);
    REQUIRE(answer.status == 200);
    return Json::parse(answer.body);
  };
  CHECK(ask()["urls"] == Json({"turn:127.0.0.1:3478"}));
  broker::RelayStatus other;
  other.id = "iad1";
  other.urls = {"turn:iad1.example"};
  const auto tell = [&](const std::vector<broker::RelayStatus>& others) {
    REQUIRE(running.broker().post(
        [&running, others](plugin::Control&) { running.broker().fleet().update(others); }));
  };
  tell({other});
  std::set<std::string> chosen;
  CHECK(eventually([&] {
    const Json answer = ask();
    chosen.insert(answer["relay"].get<std::string>());
    return chosen.size() == 2 && answer["urls"].size() == 2;
  }));
  tell({});
  CHECK(eventually([&] { return ask()["urls"].size() == 1; }));
}

TEST_CASE("a geographic database that is none stops a start, but no reload", "[fleet][geo]") {
  const turntest::TempDir directory;
  const std::string path = directory.write("geo.mmdb", database(10));
  const std::string text = config("", "geoip_database = \"" + path + "\"\n");
  RunningBroker running(text);
  const std::string key_place =
      (running.directory() / "turnbroker.toml").string() + ":6: broker.geoip_database: ";
  const auto latitude = [&] {
    const auto geo = running.broker().board().get()->geo;
    const auto place = geo == nullptr ? std::nullopt : geo->find("192.0.2.1");
    return place ? place->latitude_deg : -1;
  };
  CHECK(latitude() == 10);
  const auto logged = [&](const std::string& line) {
    return eventually([&] { return running.host.log_text().find(line) != std::string::npos; });
  };
  directory.write("geo.mmdb", "damaged");
  CHECK(logged(key_place + "\"" + path + "\" is not an MMDB file: "));
  CHECK(logged("; the one in use stays"));
  CHECK(latitude() == 10);
  directory.write("geo.mmdb", database(20));
  CHECK(eventually([&] { return latitude() == 20; }));
  running.write_config(config());
  CHECK(eventually([&] { return running.broker().board().get()->geo == nullptr; }));

  running.stop();
  running.write_config(text);
  std::filesystem::remove(path);
  CHECK_THROWS_WITH(
      running.start(),
      Catch::Matchers::Contains(key_place + "\"" + path +
                                "\" cannot be read: No such file or directory; allowed: "));
}
