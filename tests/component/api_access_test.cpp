// Who may ask the HTTP API, and how often; handlers called directly.
#include "api/caller.h"
#include "api/rate_limiter.h"
#include "api_fixture.h"

using namespace api_test;

namespace {

const std::string alice = "cspID=acme&mediaType=video&clientName=alice";

Response addr(Api& api, NamedValues headers, const std::string& query = alice) {
  return api.get("/v1/getTurnAddr", query, std::move(headers));
}

}  // namespace

TEST_CASE("a CSP's key or a page it allows is let in, and nobody else", "[api]") {
  Api api;
  body(addr(api, bearer(acme_key)));
  body(addr(api, {{"authorization", "bearer   acme-older-key-0123456789 "}}));
  body(addr(api, from(acme_origin)));

  for (const std::string& key : {globex_key, admin_token, acme_key + "x", acme_key.substr(1),
                                 std::string("x"), std::string()}) {
    const Response refused = addr(api, bearer(key));
    problem(refused, "unauthorized", 401);
    CHECK(header(refused, "WWW-Authenticate") == "Bearer");
    CHECK(refused.body.find("key-0123456789") == std::string::npos);
  }
  problem(addr(api, {}), "unauthorized", 401);
  problem(addr(api, {{"Authorization", "Basic " + acme_key}}), "unauthorized", 401);
  // A right origin does not help a wrong key.
  problem(addr(api, {{"Authorization", "Bearer wrong"}, {"Origin", acme_origin}}), "unauthorized",
          401);

  for (const std::string& origin :
       {globex_origin, std::string("null"), acme_origin + ":8443", acme_origin + ".evil.example",
        std::string("http://app.acme.example"), std::string("https://APP.acme.example"),
        std::string()}) {
    CAPTURE(origin);
    const Response refused = addr(api, from(origin));
    problem(refused, "origin-not-allowed", 403);
    CHECK(header(refused, "Access-Control-Allow-Origin").empty());
  }
  problem(addr(api, from(acme_origin), "cspID=native&mediaType=data&clientName=a"),
          "origin-not-allowed", 403);
  problem(addr(api, {}, "cspID=native&mediaType=data&clientName=a"), "unauthorized", 401);
  body(addr(api, from("https://anywhere.example"), "cspID=open&mediaType=data&clientName=a"));
}

TEST_CASE("a page's GET to its own server stands for its origin", "[api]") {
  Api api;
  const auto own = [&](const std::string& host, const std::string& site, bool secure) {
    Request request =
        Api::request("GET", "/v1/getTurnAddr", alice, {{"Host", host}, {"Sec-Fetch-Site", site}});
    request.secure = secure;
    return api.ask(request);
  };
  body(own("app.acme.example", "same-origin", true));
  problem(own("app.acme.example", "same-origin", false), "unauthorized", 401);
  problem(own("app.acme.example", "same-site", true), "unauthorized", 401);
  problem(own("other.example", "same-origin", true), "unauthorized", 401);

  // A proxy that is trusted says that the client came over TLS.
  Request proxied = Api::request("GET", "/v1/getTurnAddr", alice,
                                 {{"Host", "app.acme.example"},
                                  {"Sec-Fetch-Site", "same-origin"},
                                  {"X-Forwarded-Proto", "https"}});
  problem(api.ask(proxied), "unauthorized", 401);
  api.config.http.trusted_proxies = {"192.0.2.77"};
  api.publish();
  body(api.ask(proxied));
}

TEST_CASE("a client id needs neither key nor origin, but a wrong one of either is refused",
          "[api]") {
  Api api;
  const std::string id = body(addr(api, bearer(acme_key))).at("clientID");
  const auto with = [&](NamedValues headers) {
    return api.get("/v1/getTurnCredentials", "clientID=" + id, std::move(headers));
  };
  body(with({}));
  body(with(from(acme_origin)));
  body(with(bearer(acme_key)));
  problem(with(from("https://evil.example")), "origin-not-allowed", 403);
  problem(with(bearer("wrong")), "unauthorized", 401);
}

TEST_CASE("pages may read answers and problems when their CSP allows them", "[api]") {
  Api api;
  const auto cors = [&](const Response& response) {
    CHECK(header(response, "Vary") == "Origin");
    return header(response, "Access-Control-Allow-Origin");
  };
  CHECK(cors(addr(api, from(acme_origin))) == acme_origin);
  CHECK(cors(addr(api, from(acme_origin), "cspID=acme&mediaType=x&clientName=a")) == acme_origin);
  CHECK(cors(addr(api, from(acme_origin), "cspID=nobody&mediaType=video&clientName=a")) ==
        acme_origin);
  CHECK(cors(addr(api, from(acme_origin), "x=y")) == acme_origin);
  CHECK(cors(addr(api, from(globex_origin))).empty());
  CHECK(cors(addr(api, {})).empty());
  CHECK(cors(addr(api, bearer(acme_key))).empty());
  api.exhaust("acme", broker::MediaType::video, 1'000'000);
  const Response exhausted = addr(api, from(acme_origin));
  problem(exhausted, "quota-exceeded", 403);
  CHECK(cors(exhausted) == acme_origin);
  CHECK(header(exhausted, "Access-Control-Expose-Headers") == "Retry-After");

  // An origin that no CSP allows reads nothing, once there is none that allows all.
  api.config.csps.erase("open");
  api.publish();
  CHECK(cors(addr(api, from("https://evil.example"), "x=y")).empty());
}

TEST_CASE("preflights are answered for public routes and no others", "[api]") {
  Api api;
  api.config.csps.erase("open");
  api.publish();
  for (const std::string path :
       {"/v1/getTurnAddr", "/v1/getTurnCredentials", "/v1/iceServers", "/v1/events"}) {
    CAPTURE(path);
    const Response allowed = api.ask(Api::request("OPTIONS", path, "", from(acme_origin)));
    CHECK(allowed.status == 204);
    CHECK(allowed.body.empty());
    CHECK(header(allowed, "Access-Control-Allow-Origin") == acme_origin);
    CHECK(header(allowed, "Access-Control-Allow-Headers") ==
          "authorization, content-type, last-event-id");
    CHECK(header(allowed, "Access-Control-Allow-Methods") == "GET, POST");
    CHECK(header(allowed, "Access-Control-Max-Age") == "600");
    CHECK(header(allowed, "Vary") == "Origin");
    const Response refused =
        api.ask(Api::request("OPTIONS", path, "", from("https://evil.example")));
    CHECK(refused.status == 204);
    CHECK(header(refused, "Access-Control-Allow-Origin").empty());
    CHECK(header(refused, "Access-Control-Allow-Headers").empty());
  }
  for (const std::string path : {"/v1/admin/status", "/v1/admin/cut", "/getAllCspInfo", "/healthz"})
    problem(api.ask(Api::request("OPTIONS", path, "", from(acme_origin))), "method-not-allowed",
            405);
}

TEST_CASE("an address that asks too often is told when to come back, and others are not", "[api]") {
  Api api;
  api.config.http.requests_per_address = 2;
  api.publish();
  for (int i = 0; i < 8; ++i) body(addr(api, from(acme_origin)));
  const Response flood = addr(api, from(acme_origin));
  problem(flood, "too-many-requests", 429);
  CHECK(header(flood, "Retry-After") == "1");
  CHECK(header(flood, "Access-Control-Allow-Origin") == acme_origin);
  // Every public route draws from the same bucket, before it looks at what is asked.
  problem(api.get("/v1/getTurnCredentials", "clientID=x"), "too-many-requests", 429);
  problem(api.get("/", "service=turn&key=x"), "too-many-requests", 429);
  problem(api.get("/getAppropriateTurn", ""), "too-many-requests", 429);
  problem(api.get("/v1/admin/status", ""), "too-many-requests", 429);

  Request other = Api::request("GET", "/v1/getTurnAddr", alice, from(acme_origin));
  other.remote_address = "192.0.2.78";
  body(api.ask(other));
  // The back end's own key is not limited by where it comes from.
  body(addr(api, bearer(acme_key)));
  // But guesses are.
  problem(addr(api, bearer("wrong")), "too-many-requests", 429);
  problem(api.get("/v1/admin/status", "", bearer("wrong")), "too-many-requests", 429);
  CHECK(api.get("/v1/admin/status", "", bearer(admin_token)).status == 200);
  CHECK(api.get("/healthz", "").status == 200);

  api.clock.now_ms += 500;
  body(addr(api, from(acme_origin)));
  problem(addr(api, from(acme_origin)), "too-many-requests", 429);
}

TEST_CASE("a CSP's pages together are limited, and its back ends apart from them", "[api]") {
  Api api;
  api.config.http.requests_per_csp = 1;
  api.publish();
  for (int i = 0; i < 4; ++i) body(addr(api, from(acme_origin)));
  problem(addr(api, from(acme_origin)), "too-many-requests", 429);
  for (int i = 0; i < 4; ++i) body(addr(api, bearer(acme_key)));
  problem(addr(api, bearer(acme_key)), "too-many-requests", 429);
  problem(api.get("/", "service=turn&key=" + acme_key), "too-many-requests", 429);
  body(addr(api, bearer(globex_key), "cspID=globex&mediaType=audio&clientName=a"));
  // Whoever is not let in uses up nothing of a CSP's.
  api.clock.now_ms += 1'000;
  for (int i = 0; i < 10; ++i) addr(api, from("https://evil.example"));
  for (int i = 0; i < 10; ++i) addr(api, bearer("wrong"));
  body(addr(api, from(acme_origin)));
  body(addr(api, bearer(acme_key)));
}

TEST_CASE("a right key in the parameters is limited by its CSP alone", "[api]") {
  Api api;
  api.config.http.requests_per_address = 1;
  api.publish();
  for (int i = 0; i < 20; ++i) body(api.get("/", "service=turn&key=" + acme_key));
  for (int i = 0; i < 20; ++i)
    body(api.post("/", "service=turn&key=" + acme_key, {}, "application/x-www-form-urlencoded"));
  // None of them was drawn from the address; whoever has no key that fits is.
  for (int i = 0; i < 4; ++i) problem(api.get("/", "service=turn"), "unauthorized", 401);
  problem(api.get("/", "x=y"), "too-many-requests", 429);
}

TEST_CASE("an address that guesses keys is refused before they are compared", "[api]") {
  Api api;
  api.config.http.requests_per_address = 1;
  const std::string id = body(addr(api, bearer(acme_key))).at("clientID");
  api.publish();
  const auto wrong = [&](int i) {
    switch (i) {
      case 0: return addr(api, bearer("wrong"));
      case 1: return api.get("/", "service=turn&key=wrong");
      case 2: return api.get("/v1/admin/status", "", bearer("wrong"));
      default: return api.get("/v1/getTurnCredentials", "clientID=" + id, bearer(globex_key));
    }
  };
  const auto right = [&](int i, const std::string& address) {
    Request request = i == 0   ? Api::request("GET", "/v1/getTurnAddr", alice, bearer(acme_key))
                      : i == 1 ? Api::request("GET", "/", "service=turn&key=" + acme_key)
                               : Api::request("GET", "/v1/admin/status", "", bearer(admin_token));
    request.remote_address = address;
    return api.ask(request);
  };
  for (int i = 0; i < 4; ++i) problem(wrong(i), "unauthorized", 401);
  for (int i = 0; i < 3; ++i) {
    const Response guessed = right(i, "192.0.2.77");
    problem(guessed, "too-many-requests", 429);
    CHECK(header(guessed, "Retry-After") == "1");
    // Nobody else is hindered, however much is asked.
    for (int n = 0; n < 20; ++n) body(right(i, "192.0.2.78"));
  }
  api.clock.now_ms += 1'000;
  body(addr(api, bearer(acme_key)));
  problem(wrong(0), "unauthorized", 401);
  problem(addr(api, bearer(acme_key)), "too-many-requests", 429);
}

TEST_CASE("token buckets refill with time, and a full table forgets the longest unused", "[api]") {
  plugin::RateLimiter limiter(2);
  for (int i = 0; i < 8; ++i) CHECK(limiter.draw("a", 2, 0) == 0);
  CHECK(limiter.draw("a", 2, 0) == 1);
  CHECK(limiter.draw("a", 2, 499) == 1);
  CHECK(limiter.draw("a", 2, 500) == 0);
  CHECK(limiter.draw("a", 2, 500) == 1);
  // A clock that stands still or goes back fills nothing.
  CHECK(limiter.draw("a", 2, 0) == 1);
  CHECK(limiter.draw("b", 2, 500) == 0);
  CHECK(limiter.draw("c", 2, 500) == 0);
  CHECK(limiter.size() == 2);
  CHECK(limiter.draw("a", 2, 500) == 0);  // was forgotten
  for (int i = 0; i < 100'000; ++i) static_cast<void>(limiter.draw(std::to_string(i), 1, i));
  CHECK(limiter.size() == 2);
}

TEST_CASE("the client's address is the peer's, or what trusted proxies say", "[api]") {
  broker::HttpConfig config;
  const auto address = [&](const std::string& peer, const std::vector<std::string>& forwarded) {
    Request request = Api::request("GET", "/", "");
    request.remote_address = peer;
    for (const auto& each : forwarded) request.headers.emplace_back("x-forwarded-for", each);
    return plugin::caller_of(request, config).address;
  };
  CHECK(address("192.0.2.1", {"198.51.100.9"}) == "192.0.2.1");
  CHECK(address("2001:db8:1:2:3:4:5:6", {}) == "2001:db8:1:2::/64");
  CHECK(address("2001:db8:1:2:ffff::1", {}) == "2001:db8:1:2::/64");
  CHECK(address("::ffff:192.0.2.1", {}) == "192.0.2.1");
  CHECK(address("", {"198.51.100.9"}).empty());

  config.trusted_proxies = {"192.0.2.1", "2001:db8::1"};
  CHECK(address("192.0.2.1", {"198.51.100.9"}) == "198.51.100.9");
  CHECK(address("192.0.2.1", {" 1.1.1.1 , 198.51.100.9 "}) == "198.51.100.9");
  CHECK(address("192.0.2.1", {"198.51.100.9, 2001:db8::1"}) == "198.51.100.9");
  CHECK(address("192.0.2.1", {"1.1.1.1", "198.51.100.9"}) == "198.51.100.9");
  CHECK(address("192.0.2.1", {"198.51.100.9", "2001:db8::1"}) == "198.51.100.9");
  CHECK(address("192.0.2.1", {"198.51.100.9:4711"}) == "198.51.100.9");
  CHECK(address("192.0.2.1", {"[2001:db8:5::9]:4711"}) == "2001:db8:5::/64");
  CHECK(address("192.0.2.1", {}) == "192.0.2.1");
  CHECK(address("192.0.2.1", {"unknown"}) == "192.0.2.1");
  CHECK(address("192.0.2.1", {""}) == "192.0.2.1");
  CHECK(address("192.0.2.2", {"198.51.100.9"}) == "192.0.2.2");
}

TEST_CASE("admin routes want an admin token, and the broker thread answers them", "[api]") {
  Api api;
  api.control.accounts = {ctl_test::account("acme", broker::MediaType::video)};
  for (const auto& key : {acme_key, std::string("x"), std::string()})
    problem(api.get("/v1/admin/usage", "", bearer(key)), "unauthorized", 401);
  problem(api.get("/v1/admin/usage", ""), "unauthorized", 401);
  CHECK(api.control.calls().empty());

  const Response usage = api.get("/v1/admin/usage", "csp=acme", bearer(admin_token));
  CHECK(body(usage).at("accounts").size() == 1);
  CHECK(header(usage, "Access-Control-Allow-Origin").empty());
  body(api.get("/v1/admin/allocations", "", bearer(admin_token)));
  body(api.post("/v1/admin/cut", R"({"csp":"acme"})", bearer(admin_token)));
  body(api.get("/v1/admin/status", "", bearer(admin_token)));
  body(api.post("/v1/admin/revoke", R"({"csp":"acme"})", bearer(admin_token)));
  const Response issued =
      api.post("/v1/admin/credentials", R"({"csp":"acme","media":"video","client":"bob"})",
               bearer("another-admin-token-0"));
  CHECK(issued.status == 200);
  Request reload = Api::request("POST", "/v1/admin/reload", "", bearer(admin_token));
  body(api.ask(reload));
  body(api.post("/v1/admin/drain", R"({"stay":true})", bearer(admin_token)));
  CHECK(api.control.calls() ==
        std::vector<std::string>{"usage acme", "allocations *", "cut id= csp=acme client=",
                                 "status", "revoke who= csp=acme", "credentials acme video bob 0",
                                 "reload", "status", "drain 0 stay"});

  // What is wrong has one of this API's types.
  problem(api.get("/v1/admin/usage", "x=y", bearer(admin_token)), "bad-parameter", 400);
  api.control.error = "it cannot";
  CHECK(problem(api.get("/v1/admin/usage", "csp=nobody", bearer(admin_token)), "unknown-csp", 404)
            .at("detail") == "it cannot");
  problem(api.post("/v1/admin/cut", R"({"id":"1"})", bearer(admin_token)), "not-found", 404);
  const Response failing = api.get("/v1/admin/usage", "", bearer(admin_token));
  problem(failing, "overloaded", 503);
  CHECK(header(failing, "Retry-After") == "1");
  const Response refused = api.post("/v1/admin/revoke", R"({"csp":"acme"})", bearer(admin_token));
  CHECK(problem(refused, "refused", 422).at("detail") == "it cannot");

  api.control.throws = true;
  const Response failed = api.get("/v1/admin/usage", "", bearer(admin_token));
  problem(failed, "internal", 500);
  CHECK(failed.body.find("a secret detail") == std::string::npos);
  api.desk.full = true;
  const Response busy = api.get("/v1/admin/status", "", bearer(admin_token));
  problem(busy, "overloaded", 503);
  CHECK(header(busy, "Retry-After") == "1");

  api.desk.full = false;
  // Who scrapes figures may do nothing else.
  CHECK(api.get("/metrics", "", bearer(metrics_token)).status == 200);
  CHECK(api.get("/metrics", "", bearer(admin_token)).status == 200);
  problem(api.get("/metrics", "", bearer(acme_key)), "unauthorized", 401);
  problem(api.get("/metrics", "", {}), "unauthorized", 401);
  problem(api.get("/v1/admin/status", "", bearer(metrics_token)), "unauthorized", 401);
  problem(api.post("/v1/admin/drain", R"({"stay":true})", bearer(metrics_token)), "unauthorized",
          401);
  problem(api.get("/getAllCspInfo", "", bearer(metrics_token)), "unauthorized", 401);
  problem(addr(api, bearer(metrics_token)), "unauthorized", 401);

  api.config.http.admin_tokens.clear();
  api.publish();
  problem(api.get("/v1/admin/status", "", bearer(admin_token)), "unauthorized", 401);
  problem(api.get("/v1/admin/status", "", bearer("")), "unauthorized", 401);
}
