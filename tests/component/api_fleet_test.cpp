// What clients get from the API of one relay when it knows of others, handlers called directly.
#include <filesystem>
#include <map>
#include <set>

#include "api/issue.h"
#include "api_fixture.h"
#include "fleet/geo_lookup.h"
#include "support/mmdb_writer.h"
#include "support/temp_dir.h"

using namespace api_test;
using broker::MediaType;
using broker::SelectionStrategy;

namespace {

const std::string alice = "cspID=acme&mediaType=video&clientName=alice";
constexpr broker::Coordinates frankfurt{50.11, 8.68};
constexpr broker::Coordinates virginia{38.95, -77.45};
constexpr broker::Coordinates tokyo{35.68, 139.69};

broker::RelayStatus relay(const std::string& id, const broker::Coordinates& place) {
  broker::RelayStatus status;
  status.id = id;
  status.urls = {"turns:" + id + ".example", "turn:" + id + ".example"};
  status.place = place;
  status.allocations_max = 1'000;
  status.heartbeat_ms = 1;
  return status;
}

/// This relay is relay-1 in Frankfurt; iad and nrt are known besides.
struct FleetApi : Api {
  FleetApi() {
    config.relay.place = frankfurt;
    acme().selection.fallbacks = 1;
    publish();
    tell();
  }
  broker::Csp& acme() { return config.csps.at("acme"); }
  void tell() {
    for (auto& status : others) ++status.heartbeat_ms;
    fleet.update(others);
  }
  std::vector<broker::RelayStatus> others{relay("iad", virginia), relay("nrt", tokyo)};
};

std::string relay_in(const Api& api, const std::string& client_id) {
  const auto token = broker::verify_client_id(client_id, api.config.secrets, start_s);
  REQUIRE(token);
  return token.value().relay_id;
}

Json addr(Api& api, const std::string& more = "") {
  return body(api.get("/v1/getTurnAddr", alice + more, bearer(acme_key)));
}

const std::map<std::string, std::vector<std::string>> urls_of{
    {"relay-1",
     {"turn:192.0.2.1:3478?transport=udp", "turn:192.0.2.1:3478?transport=tcp",
      "turns:192.0.2.1:5349"}},
    {"iad", {"turn:iad.example", "turns:iad.example"}},
    {"nrt", {"turn:nrt.example", "turns:nrt.example"}}};

/// The relays that a list of URLs is of, in order; each relay's are all there and best first.
std::vector<std::string> relays_of(const Json& urls) {
  std::vector<std::string> ids;
  auto rest = urls.get<std::vector<std::string>>();
  while (!rest.empty()) {
    const std::size_t before = ids.size();
    for (const auto& [id, own] : urls_of) {
      if (rest.size() < own.size() || !std::equal(own.begin(), own.end(), rest.begin())) continue;
      ids.push_back(id);
      rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(own.size()));
      break;
    }
    REQUIRE(ids.size() == before + 1);
  }
  return ids;
}

}  // namespace

TEST_CASE("the client id, `relay` and the first URLs are of the chosen relay, fallbacks follow",
          "[api][fleet]") {
  FleetApi api;
  std::map<std::string, int> chosen;
  for (int i = 0; i < 300; ++i) {
    const Json answer = addr(api);
    const auto ids = relays_of(answer.at("urls"));
    REQUIRE(ids.size() == 2);
    CHECK(ids[0] != ids[1]);
    CHECK(answer.at("relay") == ids[0]);
    CHECK(relay_in(api, answer.at("clientID")) == ids[0]);
    ++chosen[ids[0]];
    const Json ice = body(api.get("/v1/iceServers", alice, bearer(acme_key)));
    CHECK(relays_of(ice.at("uris")).front() == relay_in(api, ice.at("clientID")));
    CHECK(ice.at("iceServers")[0].at("urls") == ice.at("uris"));
  }
  // Counted between heartbeats, so that all get their share; iad and nrt have little room.
  CHECK(chosen.size() == 3);
  for (const auto& [id, count] : chosen) CHECK(count > 20);
}

TEST_CASE("credentials are for the relay of the client id while it takes clients", "[api][fleet]") {
  FleetApi api;
  api.acme().selection.strategy = SelectionStrategy::nearest;
  api.publish();
  const std::string id = addr(api, "&latitude=39&longitude=-77").at("clientID");
  CHECK(relay_in(api, id) == "iad");
  const auto uris = [&](const std::string& more = "") {
    return relays_of(body(api.get("/v1/getTurnCredentials", "clientID=" + id + more)).at("uris"));
  };
  using Ids = std::vector<std::string>;
  for (int i = 0; i < 20; ++i) {
    CHECK(uris().front() == "iad");
    CHECK(uris("&latitude=35&longitude=139") == Ids{"iad", "nrt"});
  }
  SECTION("a relay that drains is left for another") {
    api.others[0].draining = true;
    api.tell();
    CHECK(uris("&latitude=35&longitude=139") == Ids{"nrt", "relay-1"});
  }
  SECTION("a relay that is unhealthy is left for another") {
    api.others[0].healthy = false;
    api.tell();
    CHECK(uris("&latitude=50&longitude=8") == Ids{"relay-1", "nrt"});
  }
  SECTION("a relay that is silent is left for another") {
    api.clock.now_ms += 3'000;
    ++api.others[1].heartbeat_ms;
    api.fleet.update(api.others);
    api.clock.now_ms += broker::relay_stale_ms - 2'999;
    CHECK(uris("&latitude=39&longitude=-77") == Ids{"relay-1", "nrt"});
  }
  SECTION("a relay that is gone is left for another") {
    api.others.erase(api.others.begin());
    api.tell();
    CHECK(uris("&latitude=39&longitude=-77") == Ids{"relay-1", "nrt"});
  }
  SECTION("when none takes clients, who has a client id still gets its relay's URLs") {
    for (auto& status : api.others) status.draining = true;
    api.standing.unhealthy = "the relay is full";
    api.publish();
    api.tell();
    CHECK(uris() == Ids{"iad"});
  }
}

TEST_CASE("a relay that drains sends clients to others, and keeps those it has", "[api][fleet]") {
  FleetApi api;
  const std::string client_id = addr(api, "&latitude=50&longitude=8").at("clientID");
  api.standing.draining = true;
  api.publish();
  for (int i = 0; i < 50; ++i) CHECK(addr(api).at("relay") != "relay-1");
  for (auto& status : api.others) status.draining = true;
  api.tell();
  const Response refused = api.get("/v1/getTurnAddr", alice, bearer(acme_key));
  CHECK(problem(refused, "no-healthy-relay", 503).at("detail") ==
        "none of 3 relays takes clients now: 3 x the relay is draining");
  body(api.get("/v1/getTurnCredentials", "clientID=" + client_id));
}

TEST_CASE("an unhealthy relay sends clients to healthy ones", "[api][fleet]") {
  FleetApi api;
  api.standing.unhealthy = "the relay's ledger does not answer";
  api.publish();
  for (int i = 0; i < 50; ++i) CHECK(addr(api).at("relay") != "relay-1");
  for (const std::string path : {"/v1/iceServers", "/v1/getTurnAddr"})
    CHECK(api.get(path, alice, bearer(acme_key)).status == 200);
  body(api.get("/", "service=turn&key=" + globex_key));
  // Whether this relay itself takes calls is another question.
  CHECK(api.get("/readyz", "").status == 503);

  for (auto& status : api.others) status.draining = true;
  api.tell();
  const Response refused = api.get("/v1/getTurnAddr", alice, bearer(acme_key));
  CHECK(problem(refused, "no-healthy-relay", 503).at("detail") ==
        "none of 3 relays takes clients now: 1 x the relay's ledger does not answer; 2 x the relay "
        "is draining");
  CHECK(header(refused, "Retry-After") == "5");
  CHECK(api.get("/getAppropriateTurn", "cspId=acme&clientName=alice&mediaType=video").body ==
        "No turn found");
}

TEST_CASE("domains bind a CSP's clients, and say so when there is none", "[api][fleet]") {
  FleetApi api;
  api.others[1].domain = "asia";
  api.acme().selection.domains = {"asia"};
  api.publish();
  api.tell();
  for (int i = 0; i < 20; ++i)
    CHECK(relays_of(addr(api).at("urls")) == std::vector<std::string>{"nrt"});
  api.others.pop_back();
  api.tell();
  CHECK(problem(api.get("/v1/getTurnAddr", alice, bearer(acme_key)), "no-healthy-relay", 503)
            .at("detail") == "there is no relay in the CSP's domains");
}

TEST_CASE("in turns every CSP has its own count", "[api][fleet]") {
  FleetApi api;
  for (const char* csp : {"acme", "globex"})
    api.config.csps.at(csp).selection.strategy = SelectionStrategy::round_robin;
  api.publish();
  std::vector<std::string> chosen;
  for (int i = 0; i < 6; ++i) {
    chosen.push_back(addr(api).at("relay"));
    body(api.get("/v1/getTurnAddr", "cspID=globex&mediaType=audio&clientName=bob",
                 bearer(globex_key)));
  }
  CHECK(chosen == std::vector<std::string>{"iad", "nrt", "relay-1", "iad", "nrt", "relay-1"});
}

TEST_CASE("the same client name gets the same relay when the CSP wants it so", "[api][fleet]") {
  FleetApi api;
  api.acme().selection.sticky = true;
  api.publish();
  std::set<std::string> all;
  for (const std::string name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}) {
    std::set<std::string> chosen;
    for (int i = 0; i < 5; ++i)
      chosen.insert(body(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=video&clientName=" + name,
                                 bearer(acme_key)))
                        .at("relay"));
    CHECK(chosen.size() == 1);
    all.merge(chosen);
  }
  CHECK(all.size() == 3);
}

TEST_CASE("where a client is comes with the request, by query, form and JSON", "[api][fleet]") {
  FleetApi api;
  api.acme().selection.strategy = SelectionStrategy::nearest;
  api.publish();
  const auto key = bearer(acme_key);
  CHECK(addr(api, "&latitude=35.5&longitude=139").at("relay") == "nrt");
  CHECK(addr(api, "&latitude=39&longitude=-77.5").at("relay") == "iad");
  const auto by_json = [&](const std::string& place) {
    return body(api.post(
                    "/v1/getTurnAddr",
                    R"({"cspID":"acme","mediaType":"video","clientName":"alice",)" + place + "}",
                    key))
        .at("relay");
  };
  CHECK(by_json(R"("latitude":35.5,"longitude":139)") == "nrt");
  CHECK(by_json(R"("latitude":"39","longitude":"-77.5")") == "iad");
  CHECK(by_json(R"("latitude":0.00001,"longitude":8)") == "relay-1");
  CHECK(relays_of(body(api.get("/", "service=turn&mediaType=video&latitude=35&longitude=139&key=" +
                                        acme_key))
                      .at("uris"))
            .front() == "nrt");
  const Json rethink = body(api.get(
      "/getAppropriateTurn", "cspId=acme&clientName=a&mediaType=video&latitude=35&longitude=139"));
  CHECK(rethink[0] == "nrt.example:3478");
  CHECK(relay_in(api, rethink[1]) == "nrt");

  const auto detail = [&](const std::string& more) {
    return problem(api.get("/v1/getTurnAddr", alice + more, key), "bad-parameter", 400)
        .at("detail")
        .get<std::string>();
  };
  CHECK(detail("&latitude=1") == "the parameter \"longitude\" is missing");
  CHECK(detail("&longitude=1") == "the parameter \"latitude\" is missing");
  for (const std::string wrong : {"90.1", "-91", "nan", "inf", "1e1", "%2B1", "1,5", "north"}) {
    CAPTURE(wrong);
    CHECK(detail("&longitude=1&latitude=" + wrong) ==
          "\"latitude\" must be a number of degrees from -90 to 90");
  }
  CHECK(detail("&latitude=1&longitude=180.5") ==
        "\"longitude\" must be a number of degrees from -180 to 180");
  // Refused also where it would make no difference.
  api.acme().selection.strategy = SelectionStrategy::least_load;
  api.publish();
  detail("&latitude=1&longitude=x");
  problem(api.post("/v1/getTurnAddr", R"({"cspID":1.5})", key), "bad-parameter", 400);
}

TEST_CASE("without a place of its own a page's client is where its address is", "[api][fleet]") {
  const turntest::TempDir directory;
  turntest::MmdbWriter writer;
  writer.add("192.0.2.0/24", 35.6, 139.7);
  auto geo = plugin::GeoLookup::open(directory.write("geo.mmdb", writer.bytes()));
  REQUIRE(geo);
  FleetApi api;
  api.standing.geo = geo.value();
  api.acme().selection.strategy = SelectionStrategy::nearest;
  api.publish();
  const auto page = from(acme_origin);
  for (int i = 0; i < 10; ++i) {
    CHECK(body(api.get("/v1/getTurnAddr", alice, page)).at("relay") == "nrt");
    CHECK(
        body(api.get("/v1/getTurnAddr", alice + "&latitude=39&longitude=-77", page)).at("relay") ==
        "iad");
  }
  // A back end's address is not its clients'.
  std::set<std::string> chosen;
  for (int i = 0; i < 60; ++i) chosen.insert(addr(api).at("relay").get<std::string>());
  CHECK(chosen.size() == 3);
}

TEST_CASE("arrivals are counted anew with each heartbeat", "[api][fleet]") {
  FleetApi api;
  api.acme().selection.strategy = SelectionStrategy::nearest;
  api.publish();
  const auto to_tokyo = [&] {
    int count = 0;
    for (int i = 0; i < 1'000; ++i)
      count += addr(api, "&latitude=35&longitude=139").at("relay") == "nrt" ? 1 : 0;
    return count;
  };
  // nrt has room for 1,000: four fifths go there, and each counts a little more.
  const int first = to_tokyo();
  CHECK(first > 650);
  CHECK(first < 850);
  CHECK(to_tokyo() < 10);
  api.tell();
  CHECK(to_tokyo() == first);
}
