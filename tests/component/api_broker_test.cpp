// The HTTP API of a running broker, over loopback: from a client id to a relayed packet, to the cut, to
// the raised limit.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "fake_relay.h"
#include "http_client.h"

using testing::eventually;
using testing::FakeAllocation;
using testing::FakeRelay;
using testing::RunningBroker;
using Json = nlohmann::json;

namespace {

const std::string key = "acme-api-key-0123456789";
const std::string admin_token = "admin-token-0123456789";

std::string config(const std::string& volume, const std::string& more = "") {
  return "[broker.http]\nlisten = \"127.0.0.1:0\"\nadmin_token = \"" + admin_token +
         "\"\nrequests_per_address = 100000\n[relay]\nurls = [\"turn:127.0.0.1:3478\"]\n"
         "[csp.acme]\napi_key = \"" +
         key +
         "\"\nallowed_origins = [\"https://app.example\"]\n[csp.acme.quota.data]\nvolume = \"" +
         volume + "\"\nperiod = \"total\"\n" + more + "\n";
}

std::string only_url(RunningBroker& running) {
  const auto urls = running.broker().api_urls();
  REQUIRE(urls.size() == 1);
  return urls.front();
}

const http_test::Headers with_key{{"Authorization", "Bearer " + key}};
const http_test::Headers as_admin{{"Authorization", "Bearer " + admin_token}};
const std::string alice = "cspID=acme&mediaType=data&clientName=alice";

}  // namespace

TEST_CASE("from the API to the cut, and in again after the limit was raised", "[api]") {
  RunningBroker running(config("10 kB"));
  const std::string url = only_url(running);
  FakeRelay relay(running.broker(), running.host, 0);

  const auto issued = http_test::get(url + "/v1/iceServers?" + alice, with_key);
  REQUIRE(issued.status == 200);
  const Json credentials = Json::parse(issued.body);
  FakeAllocation allocation;
  REQUIRE(relay.allocate(credentials["username"], credentials["password"], allocation) == 0);
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    relay.tick();
    return running.host.cancelled(allocation.id).has_value();
  }));
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);

  http_test::Response refused;
  REQUIRE(eventually([&] {
    refused = http_test::get(url + "/v1/getTurnAddr?" + alice, with_key);
    return refused.status != 200;
  }));
  CHECK(refused.status == 403);
  const Json problem = Json::parse(refused.body);
  CHECK(problem["type"] == "/problems/quota-exceeded");
  CHECK(problem["cspID"] == "acme");
  CHECK(problem["mediaType"] == "data");
  CHECK(problem["limit_octets"] == 10'000);
  CHECK(problem["used_octets"] == 10'000);
  CHECK(problem["period_end"].is_null());

  running.write_config(config("20 kB"));
  http_test::Response again;
  REQUIRE(eventually([&] {
    again = http_test::get(url + "/v1/getTurnAddr?" + alice, with_key);
    return again.status == 200;
  }));
  const std::string client_id = Json::parse(again.body)["clientID"];
  const auto second = http_test::get(url + "/v1/getTurnCredentials?clientID=" + client_id);
  REQUIRE(second.status == 200);
  const Json other = Json::parse(second.body);
  FakeAllocation more;
  REQUIRE(relay.allocate(other["username"], other["password"], more) == 0);
  CHECK(relay.relay(more, TURN_CLIENT_TO_PEER, 1'000));
  relay.close(more, TURN_CLOSE_RELEASED);
}
