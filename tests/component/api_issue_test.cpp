// What the public routes issue and what they refuse, handlers called directly.
#include "api/issue.h"

#include "api_fixture.h"
#include "broker/credentials.h"

using namespace api_test;
using broker::MediaType;

namespace {

const std::string alice = "cspID=acme&mediaType=video&clientName=alice";

std::string client_id_of(Api& api, const std::string& query = alice,
                         const std::string& key = acme_key) {
  return body(api.get("/v1/getTurnAddr", query, bearer(key))).at("clientID");
}

}  // namespace

TEST_CASE("getTurnAddr answers a client id, the relay's URLs best first, and when it ends",
          "[api]") {
  Api api;
  const Json answer = body(api.get("/v1/getTurnAddr", alice, bearer(acme_key)));
  const auto token = broker::verify_client_id(answer.at("clientID").get<std::string>(),
                                              api.config.secrets, start_s);
  REQUIRE(token);
  CHECK(token.value().csp == "acme");
  CHECK(token.value().media == MediaType::video);
  CHECK(token.value().client_name == "alice");
  CHECK(answer.at("urls") == Json({"turn:192.0.2.1:3478?transport=udp",
                                   "turn:192.0.2.1:3478?transport=tcp", "turns:192.0.2.1:5349"}));
  CHECK(answer.at("relay") == "relay-1");
  CHECK(answer.at("expiry") == start_s + 3'600);
  CHECK(answer.at("ttl") == 3'600);
  CHECK(answer.size() == 5);
}

TEST_CASE("a client id becomes credentials in both shapes", "[api]") {
  Api api;
  const std::string client_id = client_id_of(api);
  api.clock.now_ms += 600'000;
  const Json answer = body(api.get("/v1/getTurnCredentials", "clientID=" + client_id));
  const std::string username =
      std::to_string(start_s + 3'600) + ":" + std::string(broker::token_of(client_id));
  CHECK(answer.at("username") == username);
  CHECK(answer.at("password") ==
        std::string(broker::turn_password(api.config.secrets[0], username).reveal()));
  CHECK(answer.at("ttl") == 3'000);
  CHECK(answer.at("uris").size() == 3);
  REQUIRE(answer.at("iceServers").size() == 1);
  const Json& server = answer.at("iceServers")[0];
  CHECK(server.at("urls") == answer.at("uris"));
  CHECK(server.at("username") == username);
  CHECK(server.at("credential") == answer.at("password"));
}

TEST_CASE("iceServers does both steps in one", "[api]") {
  Api api;
  const Json answer = body(api.get("/v1/iceServers", alice + "&ttl=60", bearer(acme_key)));
  CHECK(answer.at("expiry") == start_s + 60);
  CHECK(answer.at("ttl") == 60);
  const Json again = body(
      api.get("/v1/getTurnCredentials", "clientID=" + answer.at("clientID").get<std::string>()));
  for (const auto& [name, value] : again.items()) CHECK(answer.at(name) == value);
  CHECK(answer.size() == again.size() + 2);
}

TEST_CASE("parameters come by query, by form and by JSON alike", "[api]") {
  Api api;
  const auto issued = [&](const Response& response) {
    return body(response).at("expiry").get<std::int64_t>();
  };
  const auto key = bearer(acme_key);
  CHECK(issued(api.post("/v1/iceServers",
                        R"({"cspID":"acme","mediaType":"video",)"
                        R"("clientName":"alice","ttl":60})",
                        key)) == start_s + 60);
  CHECK(issued(api.post("/v1/iceServers",
                        R"({"cspID":"acme","mediaType":"video",)"
                        R"("clientName":"alice","ttl":"61"})",
                        key, "application/json; charset=utf-8")) == start_s + 61);
  CHECK(issued(api.post("/v1/iceServers", alice + "&ttl=62", key,
                        "application/x-www-form-urlencoded")) == start_s + 62);
  Request mixed = Api::request("POST", "/v1/iceServers", "cspID=acme&mediaType=video", key);
  mixed.headers.emplace_back("Content-Type", "application/json");
  mixed.body = R"({"clientName":"al\u00efce"})";
  CHECK(issued(api.ask(mixed)) == start_s + 3'600);
}

TEST_CASE("a parameter that is wrong in any way is a bad-parameter", "[api]") {
  Api api;
  const auto key = bearer(acme_key);
  const auto detail = [&](const std::string& query) {
    return problem(api.get("/v1/getTurnAddr", query, key), "bad-parameter", 400)
        .at("detail")
        .get<std::string>();
  };
  CHECK(detail("mediaType=video&clientName=a") == "the parameter \"cspID\" is missing");
  CHECK(detail("cspID=&mediaType=video&clientName=a") == "the parameter \"cspID\" is missing");
  CHECK(detail("cspID=acme&clientName=a") == "the parameter \"mediaType\" is missing");
  CHECK(detail("cspID=acme&mediaType=video") == "the parameter \"clientName\" is missing");
  CHECK(detail(alice + "&cspid=x").find("unknown parameter") != std::string::npos);
  CHECK(detail(alice + "&cspID=acme").find("twice") != std::string::npos);
  CHECK(detail(alice + "%4").find("'%'") != std::string::npos);
  for (const std::string name :
       {"%ff", "a%20b", "a%00b", "a%22", "%E2%80%A8", "%C0%AF", "union%2Dselect"}) {
    CAPTURE(name);
    CHECK_FALSE(detail("cspID=acme&mediaType=video&clientName=" + name).empty());
  }
  CHECK_FALSE(detail("cspID=acme&mediaType=video&clientName=" + std::string(129, 'a')).empty());
  for (const std::string ttl : {"0", "-1", "3601", "1.5", "1h", "99999999999999999999", "+60"}) {
    CAPTURE(ttl);
    CHECK(detail(alice + "&ttl=" + ttl) ==
          "\"ttl\" must be a whole number of seconds from 1 to 3600");
  }
}

TEST_CASE("a body that is wrong in any way is a bad-parameter", "[api]") {
  Api api;
  const auto key = bearer(acme_key);
  for (const std::string text :
       {"{", "[]", "null", "\"x\"", "{\"cspID\":null}", "{\"cspID\":1.5}", "{\"cspID\":{}}",
        "{\"cspID\":[\"acme\"]}", "{\"x\":\"y\"}", "{\"cspID\":\"\xff\"}", "[[[[[[[["}) {
    CAPTURE(text);
    problem(api.post("/v1/getTurnAddr", text, key), "bad-parameter", 400);
  }
  problem(api.post("/v1/getTurnAddr", std::string(16'000, '['), key), "bad-parameter", 400);
  problem(api.post("/v1/getTurnAddr", alice, key, "text/plain"), "bad-parameter", 400);
  Request without_type = Api::request("POST", "/v1/getTurnAddr", "", key);
  without_type.body = alice;
  problem(api.ask(without_type), "bad-parameter", 400);
  Request twice = Api::request("POST", "/v1/getTurnAddr", alice, key);
  twice.headers.emplace_back("Content-Type", "application/json");
  twice.body = R"({"clientName":"bob"})";
  problem(api.ask(twice), "bad-parameter", 400);
  const auto refused = [&](const std::string& members) {
    return problem(api.post("/v1/getTurnAddr",
                            R"({"cspID":"acme","mediaType":"video","clientName":"bob",)" + members,
                            key),
                   "bad-parameter", 400)
        .at("detail")
        .get<std::string>();
  };
  CHECK(refused(R"("cspID":"acme"})") == "the body has the member \"cspID\" twice");
  CHECK(refused(R"("clientName":"\u0062ob"})") == "the body has the member \"clientName\" twice");
  // What is no plain value is refused, not overlooked.
  CHECK(refused(R"("ttl":{}})") == "\"ttl\" must be a plain value");
  CHECK(refused(R"("ttl":[[60]]})") == "\"ttl\" must be a plain value");
}

TEST_CASE("unknown CSPs, bad media types and media types without quota have their own types",
          "[api]") {
  Api api;
  const auto key = bearer(acme_key);
  problem(api.get("/v1/getTurnAddr", "cspID=nobody&mediaType=video&clientName=a", key),
          "unknown-csp", 404);
  problem(api.get("/v1/getTurnAddr", "cspID=%ff%0a&mediaType=video&clientName=a", key),
          "unknown-csp", 404);
  problem(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=Video&clientName=a", key),
          "bad-media-type", 400);
  problem(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=audio&clientName=a", key), "no-quota",
          404);
}

TEST_CASE("over quota the problem names the account and when its period ends", "[api]") {
  Api api;
  const std::string client_id = client_id_of(api);
  api.exhaust("acme", MediaType::video, 999'999);
  for (const Response& response :
       {api.get("/v1/getTurnAddr", alice, bearer(acme_key)),
        api.get("/v1/iceServers", alice, bearer(acme_key)),
        api.get("/v1/getTurnCredentials", "clientID=" + client_id),
        api.get("/", "service=turn&username=alice&mediaType=video&key=" + acme_key)}) {
    const Json document = problem(response, "quota-exceeded", 403);
    CHECK(document.at("cspID") == "acme");
    CHECK(document.at("mediaType") == "video");
    CHECK(document.at("period") == "2026-09");
    CHECK(document.at("limit_octets") == 1'000'000);
    CHECK(document.at("used_octets") == 999'999);
    CHECK(document.at("period_end") == "2026-10-01T00:00:00Z");
    CHECK_FALSE(document.contains("clientName"));
  }
  // The other quota of the same CSP is none of it.
  body(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=data&clientName=alice", bearer(acme_key)));

  api.exhaust("acme", MediaType::video, 1'000'000, 0);
  const Json endless =
      problem(api.get("/v1/getTurnAddr", alice, bearer(acme_key)), "quota-exceeded", 403);
  CHECK(endless.at("period") == "total");
  CHECK(endless.at("period_end").is_null());
}

TEST_CASE("a client whose own part is used up is refused, and nobody else", "[api]") {
  Api api;
  api.standing.exhausted_clients[{"acme", MediaType::video, "alice"}] = {
      .limit_octets = 500,
      .used_octets = 500,
      .exhausted = true,
      .period = "2026-09",
      .period_end_s = 1'790'812'800};
  api.publish();
  const Json document =
      problem(api.get("/v1/getTurnAddr", alice, bearer(acme_key)), "quota-exceeded", 403);
  CHECK(document.at("clientName") == "alice");
  CHECK(document.at("limit_octets") == 500);
  body(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=video&clientName=bob", bearer(acme_key)));
  body(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=data&clientName=alice", bearer(acme_key)));
}

TEST_CASE("a relay that would admit nobody says so, with the time to come back", "[api]") {
  Api api;
  const std::string client_id = client_id_of(api);
  api.standing.unhealthy = "the relay is full";
  api.publish();
  const Response refused = api.get("/v1/iceServers", alice, bearer(acme_key));
  CHECK(problem(refused, "no-healthy-relay", 503).at("detail") == "the relay is full");
  CHECK(header(refused, "Retry-After") == "5");
  // Who has a client id may be in a call that goes on.
  body(api.get("/v1/getTurnCredentials", "clientID=" + client_id));

  api.standing.unhealthy.clear();
  api.config.relay.urls.clear();
  api.publish();
  problem(api.get("/v1/getTurnAddr", alice, bearer(acme_key)), "no-healthy-relay", 503);
}

TEST_CASE("a client id that was forged, cut or altered is invalid, one that is over has expired",
          "[api]") {
  Api api;
  const std::string id = client_id_of(api);
  const auto answer = [&](const std::string& client_id) {
    return api.get("/v1/getTurnCredentials", "clientID=" + client_id);
  };
  body(answer(id));
  for (std::size_t size = 0; size < id.size(); ++size) {
    CAPTURE(size);
    problem(answer(id.substr(0, size)), size == 0 ? "bad-parameter" : "client-id-invalid",
            size == 0 ? 400 : 403);
  }
  // One bit of each character, so that each field and the signature have been altered.
  for (std::size_t i = 4; i < id.size(); ++i) {
    CAPTURE(i);
    std::string altered = id;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    problem(answer(altered), "client-id-invalid", 403);
  }
  problem(answer(id + "A"), "client-id-invalid", 403);
  problem(answer("tb1." + std::string(10'000, 'A')), "client-id-invalid", 403);
  problem(answer("%00"), "client-id-invalid", 403);

  Api forger;
  forger.config.secrets = {broker::Secret("another-broker-secret-1")};
  forger.publish();
  problem(answer(client_id_of(forger)), "client-id-invalid", 403);

  api.clock.now_ms += 3'600'000 - 1;
  body(answer(id));
  api.clock.now_ms += 1;
  problem(answer(id), "client-id-expired", 403);
}

TEST_CASE("a client id of another relay with the same secrets is accepted", "[api]") {
  Api first;
  Api second;
  second.config.relay.id = "relay-2";
  second.config.relay.urls = {"turn:198.51.100.1"};
  second.config.secrets.insert(second.config.secrets.begin(),
                               broker::Secret("broker-secret-number-2"));
  second.publish();
  const Json answer = body(second.get("/v1/getTurnCredentials", "clientID=" + client_id_of(first)));
  CHECK(answer.at("uris") == Json({"turn:198.51.100.1"}));
}

TEST_CASE("a client id is of its own CSP and media type alone", "[api]") {
  Api api;
  const std::string acme_id = client_id_of(api);
  const std::string globex_id =
      client_id_of(api, "cspID=globex&mediaType=audio&clientName=alice", globex_key);
  const auto with = [&](const std::string& id, NamedValues headers) {
    return api.get("/v1/getTurnCredentials", "clientID=" + id, std::move(headers));
  };
  // Another CSP's key or page cannot use it.
  problem(with(acme_id, bearer(globex_key)), "unauthorized", 401);
  problem(with(globex_id, bearer(acme_key)), "unauthorized", 401);
  problem(with(acme_id, from(globex_origin)), "origin-not-allowed", 403);
  body(with(acme_id, bearer(acme_key)));
  body(with(acme_id, from(acme_origin)));

  // Fields of one id with the signature of another, and a token with the proof of another.
  const std::string data_id =
      client_id_of(api, "cspID=acme&mediaType=data&clientName=alice", acme_key);
  REQUIRE(data_id.size() == acme_id.size());
  const std::size_t proof = broker::token_of(acme_id).size();
  for (const std::size_t cut : {proof - 22, proof})
    problem(with(acme_id.substr(0, cut) + data_id.substr(cut), {}), "client-id-invalid", 403);

  // The quota it was for has gone, and then the CSP.
  api.config.csps.at("acme").quotas.erase(MediaType::video);
  api.publish();
  problem(with(acme_id, {}), "no-quota", 404);
  body(with(data_id, {}));
  api.config.csps.erase("acme");
  api.publish();
  problem(with(data_id, {}), "unknown-csp", 404);
}

TEST_CASE("who saw a username on the wire does not get its password", "[api]") {
  Api api;
  const Json issued = body(api.get("/v1/iceServers", alice, bearer(acme_key)));
  const std::string username = issued.at("username");
  const std::string seen = username.substr(username.find(':') + 1);
  const std::string id = issued.at("clientID");
  REQUIRE(id.starts_with(seen + "."));
  const auto refused = [&](const std::string& client_id) {
    for (const auto& headers : {plugin::http::NamedValues{}, bearer(acme_key), from(acme_origin)}) {
      problem(api.get("/v1/getTurnCredentials", "clientID=" + client_id, headers),
              "client-id-invalid", 403);
      problem(api.post("/v1/getTurnCredentials", "clientID=" + client_id, headers,
                       "application/x-www-form-urlencoded"),
              "client-id-invalid", 403);
      problem(api.get("/getCredentials", "clientId=" + client_id, headers), "client-id-invalid",
              403);
    }
  };
  // As a client id that nobody issued.
  refused("tb1.AAAA");
  refused(seen);
  refused(username);
  refused(seen + ".");
  refused(seen + ".AAAAAAAAAAAAAAAAAAAAAA");
  refused(seen + "." + seen.substr(seen.size() - 22));
  CHECK(body(api.get("/v1/getTurnCredentials", "clientID=" + id)).at("username") == username);
}

TEST_CASE("a client id is good under each secret that is configured", "[api]") {
  Api api;
  const std::string id = client_id_of(api);
  const broker::Secret old = api.config.secrets[0];
  api.config.secrets = {broker::Secret("another-secret-0123456"), old};
  api.publish();
  const Json answer = body(api.get("/v1/getTurnCredentials", "clientID=" + id));
  const auto user =
      broker::check_username(answer.at("username").get<std::string>(), api.config, start_s);
  CHECK(std::get<broker::AcceptedUser>(user).passwords[0].reveal() == answer.at("password"));
  api.config.secrets.pop_back();
  api.publish();
  problem(api.get("/v1/getTurnCredentials", "clientID=" + id), "client-id-invalid", 403);
}

TEST_CASE("a revoked client id is invalid", "[api]") {
  Api api;
  const std::string id = client_id_of(api);
  auto revocations = std::make_shared<plugin::Revocations>();
  revocations->by_who[plugin::hash_of_who(broker::token_of(id))] = start_s;
  api.standing.revocations = revocations;
  api.publish();
  problem(api.get("/v1/getTurnCredentials", "clientID=" + id), "client-id-invalid", 403);
}

TEST_CASE("the TURN REST draft's request names the CSP by its key", "[api]") {
  Api api;
  const Json answer = body(api.get("/", "service=turn&username=alice&key=" + acme_key));
  CHECK(answer.size() == 4);
  CHECK(answer.at("ttl") == 3'600);
  CHECK(answer.at("uris").size() == 3);
  const auto user =
      broker::check_username(answer.at("username").get<std::string>(), api.config, start_s);
  const auto* accepted = std::get_if<broker::AcceptedUser>(&user);
  REQUIRE(accepted != nullptr);
  CHECK(accepted->csp == "acme");
  CHECK(accepted->media == MediaType::data);
  CHECK(accepted->client_name == "alice");
  CHECK(std::string(accepted->passwords[0].reveal()) == answer.at("password"));

  const auto media_of = [&](const std::string& query) {
    const Json issued = body(api.post("/", query, {}, "application/x-www-form-urlencoded"));
    const auto checked =
        broker::check_username(issued.at("username").get<std::string>(), api.config, start_s);
    return std::get<broker::AcceptedUser>(checked).media;
  };
  CHECK(media_of("service=turn&mediaType=video&username=a&key=" + acme_key) == MediaType::video);
  // A CSP's only quota, and nobody's name in particular.
  CHECK(media_of("service=turn&key=" + globex_key) == MediaType::audio);

  problem(api.get("/", "service=turn&username=a"), "unauthorized", 401);
  problem(api.get("/", "service=turn&username=a&key=wrong-key-0123456789"), "unauthorized", 401);
  problem(api.get("/", "service=stun&key=" + acme_key), "bad-parameter", 400);
  problem(api.get("/", ""), "bad-parameter", 400);
}

TEST_CASE("URLs stand in the order a client should try them", "[api]") {
  CHECK(plugin::best_first({"turns:a?transport=udp", "TURNS:b", "turn:c?transport=tcp", "turn:d",
                            "turns:e?transport=tcp", "turn:f?transport=udp"}) ==
        std::vector<std::string>{"turn:d", "turn:f?transport=udp", "turn:c?transport=tcp",
                                 "TURNS:b", "turns:e?transport=tcp", "turns:a?transport=udp"});
}
