// Routes that answer the same to everybody, and the reTHINK broker's own.
#include "api/problems.h"
#include "api_fixture.h"
#include "web/web_files.h"

using namespace api_test;
using broker::MediaType;

TEST_CASE("healthz says that the process serves, readyz whether it would admit a call", "[api]") {
  Api api;
  CHECK(body(api.get("/healthz", "")) == Json{{"status", "ok"}});
  CHECK(body(api.get("/readyz", "")) == Json{{"status", "ready"}});
  api.standing.unhealthy = "the relay's ledger does not answer";
  api.publish();
  CHECK(body(api.get("/healthz", "")) == Json{{"status", "ok"}});
  const Response refused = api.get("/readyz", "");
  CHECK(problem(refused, "no-healthy-relay", 503).at("detail") ==
        "the relay's ledger does not answer");
  CHECK(header(refused, "Retry-After") == "5");
  api.standing.draining = true;
  api.publish();
  CHECK(problem(api.get("/readyz", ""), "no-healthy-relay", 503).at("detail") ==
        "the relay is draining");
}

TEST_CASE("every problem type has a page where its type points to", "[api]") {
  Api api;
  for (const plugin::ProblemKind& kind : plugin::problem_kinds()) {
    CAPTURE(kind.name);
    const Json document =
        problem(plugin::problem(kind.type, "x"), std::string(kind.name), kind.status);
    const Response page = api.get(document.at("type"), "");
    CHECK(page.status == 200);
    CHECK(page.content_type == "text/plain; charset=utf-8");
    CHECK(page.body.starts_with(document.at("title").get<std::string>()));
    CHECK(&plugin::kind_of(plugin::problem_type_of(kind.name)) == &kind);
  }
  problem(api.get("/problems/", ""), "not-found", 404);
  problem(api.get("/problems/none", ""), "not-found", 404);
}

TEST_CASE("unknown paths and wrong methods are problems of their own types", "[api]") {
  Api api;
  for (const std::string path : {"/v1", "/v1/", "/v1/getTurnAddr/", "/V1/getTurnAddr", "//",
                                 "/v1/../healthz", "/healthz%00", "/%68ealthz"}) {
    CAPTURE(path);
    problem(api.get(path, ""), "not-found", 404);
  }
  const Response wrong = api.ask(Api::request("DELETE", "/v1/getTurnAddr", ""));
  problem(wrong, "method-not-allowed", 405);
  CHECK(header(wrong, "Allow") == "GET, HEAD, OPTIONS, POST");
  problem(api.ask(Api::request("POST", "/v1/admin/status", "", bearer(admin_token))),
          "method-not-allowed", 405);
}

TEST_CASE("files are served with their type, an ETag, and 304 for what is known", "[api]") {
  Api api;
  api.config.http.example = true;
  api.publish();
  std::vector<std::pair<std::string, std::string>> files{{"/openapi.json", "application/json"}};
  for (const auto& file : plugin::web::web_files())
    files.emplace_back(file.path, file.content_type);
  REQUIRE(files.size() > 3);
  for (const auto& [path, type] : files) {
    CAPTURE(path);
    const Response served = api.get(path, "");
    CHECK(served.status == 200);
    CHECK(served.content_type == type);
    CHECK_FALSE(served.body.empty());
    const std::string tag = header(served, "ETag");
    REQUIRE(tag.size() > 2);
    CHECK_FALSE(header(served, "Cache-Control").empty());
    const Response known = api.get(path, "", {{"If-None-Match", tag}});
    CHECK(known.status == 304);
    CHECK(known.body.empty());
    CHECK(api.get(path, "", {{"If-None-Match", "\"other\""}}).status == 200);
  }
  CHECK(api.get("/call.html", "").status == 200);
  api.config.http.example = false;
  api.publish();
  problem(api.get("/call.html", ""), "not-found", 404);
  CHECK(api.get("/turnbroker.js", "").status == 200);
}

TEST_CASE("files are limited by address like requests; health is not", "[api]") {
  Api api;
  api.config.http.example = true;
  api.config.http.requests_per_address = 1;
  api.publish();
  std::vector<std::string> files{"/openapi.json", "/problems/gone"};
  for (const auto& file : plugin::web::web_files()) files.emplace_back(file.path);
  for (const std::string& path : files) {
    CAPTURE(path);
    for (std::uint32_t i = 0; i < plugin::RateLimiter::burst_factor; ++i)
      CHECK(api.get(path, "").status == 200);
    const Response refused = api.get(path, "", {{"If-None-Match", "\"other\""}});
    problem(refused, "too-many-requests", 429);
    CHECK(header(refused, "Retry-After") == "1");
    CHECK(header(refused, "Cache-Control") == "no-store");
    for (const std::string health : {"/healthz", "/readyz"})
      CHECK(api.get(health, "").status == 200);
    // One bucket for all.
    problem(api.get("/v1/getTurnAddr", "cspID=acme&mediaType=data&clientName=a", from(acme_origin)),
            "too-many-requests", 429);
    api.clock.now_ms += 10'000;
  }
  // Two pages of the example at once, and the calls they begin with.
  api.config.http.requests_per_address = broker::HttpConfig{}.requests_per_address;
  api.publish();
  api.clock.now_ms += 10'000;
  for (int page = 0; page < 2; ++page) {
    for (const auto& file : plugin::web::web_files())
      CHECK(api.get(std::string(file.path), "").status == 200);
    for (int call = 0; call < 10; ++call)
      CHECK(api.get("/v1/iceServers", "cspID=acme&mediaType=data&clientName=a", from(acme_origin))
                .status == 200);
  }
}

TEST_CASE("the OpenAPI document names every route that is served", "[api]") {
  Api api;
  api.config.http.example = true;
  api.publish();
  const Json document = Json::parse(api.get("/openapi.json", "").body);
  CHECK(document.at("openapi") == "3.1.0");
  for (const auto& [path, item] : document.at("paths").items())
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters" || path == "/v1/events") continue;
      CAPTURE(path, method);
      std::string name = method;
      for (char& c : name) c = static_cast<char>(std::toupper(c));
      std::string concrete = path;
      if (const auto brace = concrete.find('{'); brace != std::string::npos)
        concrete = concrete.substr(0, brace) + "quota-exceeded";
      const Response response = api.ask(Api::request(name, concrete, ""));
      CHECK(response.status != 405);
      if (response.status == 404)
        CHECK(response.body.find("there is nothing") == std::string::npos);
      // And the status it answers is among those described.
      CHECK(operation.at("responses").contains(std::to_string(response.status)));
    }
  for (const std::string path : {"/v1/getTurnAddr",
                                 "/v1/getTurnCredentials",
                                 "/v1/iceServers",
                                 "/",
                                 "/v1/events",
                                 "/v1/admin/usage",
                                 "/v1/admin/allocations",
                                 "/v1/admin/cut",
                                 "/v1/admin/credentials",
                                 "/v1/admin/revoke",
                                 "/v1/admin/reload",
                                 "/v1/admin/drain",
                                 "/v1/admin/status",
                                 "/healthz",
                                 "/readyz",
                                 "/openapi.json",
                                 "/turnbroker.js",
                                 "/turnbroker.d.ts",
                                 "/call.html",
                                 "/problems/{name}",
                                 "/getAppropriateTurn",
                                 "/getCredentials",
                                 "/getAllCspInfo",
                                 "/getCspConso",
                                 "/changeQuotas",
                                 "/provRequest",
                                 "/deleteCSP"}) {
    CAPTURE(path);
    CHECK(document.at("paths").contains(path));
  }
}

TEST_CASE("reTHINK: an appropriate TURN server and a client id, then its credentials", "[api]") {
  Api api;
  const Response found = api.get("/getAppropriateTurn", "cspId=ACME&clientName=RealTimeVideoCall");
  const Json pair = body(found);
  REQUIRE(pair.size() == 2);
  CHECK(pair[0] == "192.0.2.1:3478");
  const std::string client_id = pair[1];
  CHECK(found.body == "[\"192.0.2.1:3478\",\"" + client_id + "\"]");

  const Response given = api.get("/getCredentials", "clientId=" + client_id);
  const Json credentials = body(given);
  const std::string username =
      std::to_string(start_s + 3'600) + ":" + std::string(broker::token_of(client_id));
  CHECK(given.body == "{\"clientId\":\"" + username + "\",\"password\":\"" +
                          credentials.at("password").get<std::string>() + "\"}");
  const auto user = broker::check_username(username, api.config, start_s);
  const auto& accepted = std::get<broker::AcceptedUser>(user);
  CHECK(accepted.media == MediaType::data);
  CHECK(std::string(accepted.passwords[0].reveal()) == credentials.at("password"));

  // IPv6, and a URL without a port.
  api.config.relay.urls = {"turn:[2001:db8::1]?transport=udp"};
  api.publish();
  CHECK(body(api.get("/getAppropriateTurn", "cspId=acme&clientName=a"))[0] == "[2001:db8::1]:3478");
}

TEST_CASE("reTHINK: the texts of its refusals", "[api]") {
  Api api;
  const auto text = [&](const std::string& query, NamedValues headers = {}) {
    const Response response = api.get("/getAppropriateTurn", query, std::move(headers));
    CHECK(response.status == 404);
    CHECK(response.content_type == "text/plain; charset=utf-8");
    return response.body;
  };
  CHECK(text("cspId=nobody&clientName=a") == "Unable to get a turn server : CSP not found");
  api.exhaust("acme", MediaType::data, 1'000'000);
  CHECK(text("cspId=acme&clientName=a") ==
        "Unable to get a turn server : data consumption exceeded");
  body(api.get("/getAppropriateTurn", "cspId=acme&clientName=a&mediaType=video"));
  api.standing.unhealthy = "the relay is full";
  api.publish();
  CHECK(text("cspId=acme&clientName=a&mediaType=video") == "No turn found");

  problem(api.get("/getAppropriateTurn", "cspId=acme&clientName=a", from(globex_origin)),
          "origin-not-allowed", 403);
  problem(api.get("/getAppropriateTurn", "cspId=native&clientName=a"), "unauthorized", 401);
  problem(api.get("/getCredentials", "clientId=49e4f103f82f151fd5bc8272c5fb3cac"),
          "client-id-invalid", 403);
}

TEST_CASE("reTHINK: quotas and consumptions for admins, provisioning for nobody", "[api]") {
  Api api;
  api.config.csps.erase("native");
  api.config.csps.erase("open");
  api.exhaust("acme", MediaType::video, 999);
  for (const std::string path : {"/getAllCspInfo", "/getCspConso"}) {
    problem(api.get(path, "cspkey=prov:acme"), "unauthorized", 401);
    problem(api.get(path, "cspkey=prov:acme", bearer(acme_key)), "unauthorized", 401);
  }
  CHECK(api.get("/getAllCspInfo", "", bearer(admin_token)).body ==
        R"([{"videoQuota":"1000000","audioQuota":"0","dataQuota":"1000000","csp":"prov:acme"},)"
        R"({"videoQuota":"0","audioQuota":"1000000","dataQuota":"0","csp":"prov:globex"}])");
  CHECK(api.get("/getCspConso", "cspkey=prov:acme", bearer(admin_token)).body ==
        R"({"audio":"0","video":"999","data":"0"})");
  problem(api.get("/getCspConso", "cspkey=prov:nobody", bearer(admin_token)), "unknown-csp", 404);
  for (const std::string path : {"/changeQuotas", "/provRequest", "/deleteCSP"})
    for (const std::string method : {"GET", "POST", "PUT", "DELETE"})
      CHECK(problem(api.ask(Api::request(method, path, "cspKey=prov:acme")), "gone", 410)
                .at("detail")
                .get<std::string>()
                .find("turnbroker.toml") != std::string::npos);
}
