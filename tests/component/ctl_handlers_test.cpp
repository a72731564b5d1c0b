// The admin routes without a server: requests in, responses out.
#include "ctl/handlers.h"

#include "ctl/status_json.h"
#include "ctl_fixture.h"
#include "http/query.h"

using namespace ctl_test;
using plugin::http::Json;
using plugin::http::Request;
using plugin::http::Response;

namespace {

Request get(const std::string& path, const std::string& query = {}) {
  return {.method = "GET", .path = "/v1/admin/" + path, .query = query, .headers = {}, .body = {}};
}

Request post(const std::string& path, const std::string& body,
             const std::string& type = "application/json") {
  return {.method = "POST",
          .path = "/v1/admin/" + path,
          .query = {},
          .headers = {{"content-TYPE", type}},
          .body = body};
}

Response answer(FakeControl& control, const Request& request) {
  return plugin::admin_routes(control).route(request);
}

std::string detail(const Response& response) {
  CHECK(response.content_type == "application/problem+json");
  const Json document = Json::parse(response.body);
  CHECK(document.at("status") == response.status);
  return document.at("detail");
}

}  // namespace

TEST_CASE("usage has one row per account and names clients only in their own rows") {
  FakeControl control;
  control.accounts = {{.csp = "acme",
                       .media = broker::MediaType::video,
                       .period = "2026-11",
                       .client = "",
                       .limit_octets = 500,
                       .used_octets = 30,
                       .used = {.octets = {10, 20}, .packets = {1, 2}},
                       .allocations = 2,
                       .exhausted = false}};
  control.accounts.push_back(account("acme", broker::MediaType::data, "alice"));
  control.accounts.back().exhausted = true;
  const Response response = answer(control, get("usage", "csp=acme&clients=1"));
  CHECK(response.status == 200);
  CHECK(response.body ==
        R"({"accounts":[{"csp":"acme","media":"video","period":"2026-11","limit_octets":500,)"
        R"("used_octets":30,"client_to_peer_octets":10,"peer_to_client_octets":20,"allocations":2,)"
        R"("exhausted":false},{"csp":"acme","media":"data","period":"2026-11","client":"alice",)"
        R"("limit_octets":0,"used_octets":0,"client_to_peer_octets":0,"peer_to_client_octets":0,)"
        R"("allocations":0,"exhausted":true}]})");
  CHECK(control.calls() == std::vector<std::string>{"usage acme clients"});
}

TEST_CASE("usage without rows is an empty list, and of all CSPs unless one is named") {
  FakeControl control;
  CHECK(answer(control, get("usage")).body == R"({"accounts":[]})");
  CHECK(answer(control, get("usage", "clients=0")).status == 200);
  CHECK(control.calls() == std::vector<std::string>{"usage *", "usage *"});
}

TEST_CASE("the usage of a CSP that is not there is a 404") {
  FakeControl control;
  control.error = "there is no CSP nobody";
  const Response response = answer(control, get("usage", "csp=nobody"));
  CHECK(response.status == 404);
  CHECK(detail(response) == control.error);
}

TEST_CASE("a POST that has a query is refused before it does anything") {
  FakeControl control;
  for (const char* path : {"cut", "credentials", "revoke", "reload", "drain"}) {
    CAPTURE(path);
    const bool reload = std::string_view(path) == "reload";
    Request request = post(path, reload ? "" : R"({"csp":"a"})");
    request.query = "client=zz";
    CHECK(answer(control, request).status == 400);
  }
  CHECK(control.calls().empty());
}

TEST_CASE("a ledger that fails is a 503 with its reason") {
  FakeControl control;
  control.error = "sqlite: disk I/O error";
  const Response response = answer(control, get("usage"));
  CHECK(response.status == 503);
  CHECK(detail(response) == "sqlite: disk I/O error");
}

TEST_CASE("a handler that throws is a 500 that does not say what it threw") {
  FakeControl control;
  control.throws = true;
  const Response response = answer(control, get("usage"));
  CHECK(response.status == 500);
  CHECK(detail(response).find("secret") == std::string::npos);
}

TEST_CASE("a long list ends at its bound and says how long it is") {
  FakeControl control;
  control.live.resize(plugin::list_rows_max + 7);
  const Json document = Json::parse(answer(control, get("allocations")).body);
  CHECK(document.at("allocations").size() == plugin::list_rows_max);
  CHECK(document.at("truncated") == true);
  CHECK(document.at("total") == plugin::list_rows_max + 7);
}

TEST_CASE("allocations carry addresses, times and counts") {
  FakeControl control;
  control.live = {{.id = "9-1",
                   .csp = "acme",
                   .media = broker::MediaType::audio,
                   .client = "b\xff",
                   .client_address = "192.0.2.1:4711",
                   .relayed_addresses = {"198.51.100.1:50000", "[2001:db8::1]:50000"},
                   .transport = "tls",
                   .start_s = 1'790'000'000,
                   .expiry_s = 0,
                   .used = {.octets = {1, 2}, .packets = {3, 4}}}};
  CHECK(answer(control, get("allocations", "csp=a%63me")).body ==
        R"({"allocations":[{"id":"9-1","csp":"acme","media":"audio","client":"b)"
        "\xef\xbf\xbd"
        R"(","client_address":"192.0.2.1:4711",)"
        R"("relayed_addresses":["198.51.100.1:50000","[2001:db8::1]:50000"],"transport":"tls",)"
        R"("start":"2026-09-21T14:13:20Z","expiry":null,"client_to_peer_octets":1,)"
        R"("peer_to_client_octets":2,"client_to_peer_packets":3,"peer_to_client_packets":4}]})");
  CHECK(control.calls() == std::vector<std::string>{"allocations acme"});
}

TEST_CASE("cut takes an id, or a CSP, a client or both") {
  FakeControl control;
  CHECK(answer(control, post("cut", R"({"id":"9-1"})")).body == R"({"cut":1})");
  CHECK(answer(control, post("cut", R"({"csp":"acme"})")).body == R"({"cut":3})");
  CHECK(answer(control, post("cut", R"({"client":"alice"})")).status == 200);
  CHECK(answer(control, post("cut", R"({"csp":"acme","client":"alice"})")).status == 200);
  CHECK(control.calls() ==
        std::vector<std::string>{"cut id=9-1 csp= client=", "cut id= csp=acme client=",
                                 "cut id= csp= client=alice", "cut id= csp=acme client=alice"});
}

TEST_CASE("cutting an allocation that is not there is a 404") {
  FakeControl control;
  control.error = "no allocation has the id 9-1";
  const Response response = answer(control, post("cut", R"({"id":"9-1"})"));
  CHECK(response.status == 404);
  CHECK(detail(response) == control.error);
}

TEST_CASE("credentials are issued, not to be stored by anybody between") {
  FakeControl control;
  const Response response = answer(
      control, post("credentials", R"({"csp":"acme","media":"video","client":"alice","ttl":60})"));
  CHECK(
      response.body ==
      R"({"username":"1790000000:tb1.abc","password":"cGFzc3dvcmQ=","ttl":60,)"
      R"("uris":["turn:relay.example:3478","turns:relay.example"],"client_id":"tb1.abc.AAAAAAAAAAAAAAAAAAAAAA"})");
  CHECK(response.headers == plugin::http::NamedValues{{"Cache-Control", "no-store"}});
  CHECK(answer(control, post("credentials", R"({"csp":"a","media":"data","client":"b"})")).status ==
        200);
  CHECK(control.calls() ==
        std::vector<std::string>{"credentials acme video alice 60", "credentials a data b 0"});
}

TEST_CASE("credentials that the broker refuses are a 422") {
  FakeControl control;
  control.error = "there is no CSP \"nobody\"";
  const Response response =
      answer(control, post("credentials", R"({"csp":"nobody","media":"video","client":"alice"})"));
  CHECK(response.status == 422);
  CHECK(detail(response) == control.error);
}

TEST_CASE("a revocation names a client id, a CSP's client, or a whole CSP") {
  FakeControl control;
  CHECK(answer(control, post("revoke", R"({"client_id":"tb1.abc"})")).body ==
        R"({"revoked":"tb1.abc","cut":2})");
  // With its proof, too; what is revoked are tokens.
  for (const char* before : {"", "1790000000:"})
    CHECK(answer(control, post("revoke", R"({"client_id":")" + std::string(before) +
                                             R"(tb1.abc.AAAAAAAAAAAAAAAAAAAAAA"})"))
              .body == R"({"revoked":"tb1.abc","cut":2})");
  CHECK(answer(control, post("revoke", R"({"client_id":"1790000000:acme/video/a:b"})")).body ==
        R"({"revoked":"acme/video/a:b","cut":2})");
  CHECK(answer(control, post("revoke", R"({"client_id":"acme/video/1:b"})")).status == 200);
  CHECK(answer(control, post("revoke", R"({"csp":"acme"})")).body ==
        R"({"revoked":"acme","cut":2})");
  CHECK(control.calls() ==
        std::vector<std::string>{"revoke who=tb1.abc csp=", "revoke who=tb1.abc csp=",
                                 "revoke who=tb1.abc csp=", "revoke who=acme/video/a:b csp=",
                                 "revoke who=acme/video/1:b csp=", "revoke who= csp=acme"});
}

TEST_CASE("a revocation of a client id whose proof was cut is refused") {
  FakeControl control;
  for (const char* id : {"tb1.abc.", "tb1.abc.AAAA", "1790000000:tb1.abc.AAAAAAAAAAAAAAAAAAAAAB"}) {
    const Response response =
        answer(control, post("revoke", R"({"client_id":")" + std::string(id) + R"("})"));
    CHECK(response.status == 400);
    CHECK(detail(response).starts_with("the client id was altered or cut"));
  }
  CHECK(control.calls().empty());
}

TEST_CASE("a reload says what still needs a restart, or why it was refused") {
  FakeControl control;
  control.state.restart_needed = {"broker.limits.accounts_max"};
  CHECK(answer(control, post("reload", "")).body ==
        R"({"reloaded":true,"restart_needed":["broker.limits.accounts_max"]})");
  control.error = "turnbroker.toml:3: broker.realm: found 7; allowed: a string";
  const Response refused = answer(control, post("reload", ""));
  CHECK(refused.status == 422);
  CHECK(detail(refused) == control.error);
  CHECK(answer(control, post("reload", "{}")).status == 400);
}

TEST_CASE("status tells all that is known") {
  FakeControl control;
  control.state = {.version = "0.1.0",
                   .relay_id = "r1",
                   .incarnation = "00ff",
                   .started_s = 1'790'000'000,
                   .config_loaded_s = 1'790'000'060,
                   .config_file = "/etc/turnbroker.toml",
                   .config_error = "",
                   .restart_needed = {},
                   .allocations = 3,
                   .allocations_max = 65'536,
                   .accounts = 4,
                   .records_written = 5,
                   .store = "sqlite ok"};
  CHECK(answer(control, get("status")).body ==
        R"({"version":"0.1.0","relay":"r1","incarnation":"00ff","started":"2026-09-21T14:13:20Z",)"
        R"("config_file":"/etc/turnbroker.toml","config_loaded":"2026-09-21T14:14:20Z",)"
        R"("config_error":null,"restart_needed":[],"allocations":3,"allocations_max":65536,)"
        R"("accounts":4,"records_written":5,"store":"sqlite ok","drain":null})");
  control.state.drain = {
      .draining = true, .stay = false, .until_s = 1'790'000'000, .allocations = 3};
  CHECK(Json::parse(answer(control, get("status")).body).at("drain") ==
        Json{{"stay", false}, {"until", "2026-09-21T14:13:20Z"}});
}

TEST_CASE("a drain may have a deadline and a stay, or is cancelled") {
  FakeControl control;
  CHECK(answer(control, post("drain", "{}")).body ==
        R"({"draining":true,"stay":false,"until":null,"allocations":3})");
  CHECK(answer(control, post("drain", R"({"deadline":600,"stay":true})")).body ==
        R"({"draining":true,"stay":true,"until":"2026-09-21T14:23:20Z","allocations":3})");
  CHECK(answer(control, post("drain", R"({"cancel":false})")).status == 200);
  CHECK(answer(control, post("drain", R"({"cancel":true})")).body ==
        R"({"draining":false,"stay":false,"until":null,"allocations":0})");
  CHECK(control.calls() ==
        std::vector<std::string>{"drain 0", "drain 600 stay", "drain 0", "undrain"});
  control.error = "the server is stopping";
  const Response refused = answer(control, post("drain", R"({"cancel":true})"));
  CHECK(refused.status == 422);
  CHECK(detail(refused) == control.error);
}

TEST_CASE("malformed requests are 400 with the reason and reach no broker") {
  struct Case {
    Request request;
    std::string detail;
  };
  const auto [request, expected] = GENERATE(values<Case>({
      {get("usage", "cps=acme"),
       "the query has an unknown parameter \"cps\"; allowed: csp, clients"},
      {get("usage", "csp=a&csp=b"), "the query has the parameter \"csp\" twice"},
      {get("usage", "csp=%4"), "the query has a '%' without two hex digits after it"},
      {get("usage", "csp=%zz"), "the query has a '%' without two hex digits after it"},
      {get("usage", "clients=yes"), "clients must be 0 or 1"},
      {get("allocations", "clients=1"),
       "the query has an unknown parameter \"clients\"; allowed: csp"},
      {get("status", "x"), "the query has an unknown parameter \"x\"; allowed: none"},
      {post("cut", "{", "application/json"), "the body is not valid JSON in UTF-8"},
      {post("cut", ""), "the body is not valid JSON in UTF-8"},
      {post("cut", "{\"id\":\"\xff\"}"), "the body is not valid JSON in UTF-8"},
      {post("cut", std::string(60'000, '[')), "the body is not valid JSON in UTF-8"},
      {post("cut", "[]"), "the body must be a JSON object"},
      {post("cut", "7"), "the body must be a JSON object"},
      {post("cut", "{}"), "name either an id, or a csp, a client or both"},
      {post("cut", R"({"id":"1","csp":"a"})"), "name either an id, or a csp, a client or both"},
      {post("cut", R"({"id":7})"), "\"id\" must be a string that is not empty"},
      {post("cut", R"({"csp":""})"), "\"csp\" must be a string that is not empty"},
      {post("cut", R"({"csp":null})"), "\"csp\" must be a string that is not empty"},
      {post("cut", R"({"csp":"a","what":1})"), "\"what\" is not a member this request has"},
      {post("cut", R"({"csp":"a","client":"b","csp":"c"})"),
       "the body has the member \"csp\" twice"},
      {post("cut", R"({"csp":"a","client":{"x":1}})"), "\"client\" must be a plain value"},
      {post("cut", R"({"csp":"a"})", "text/plain"), "the Content-Type must be application/json"},
      {post("revoke", "{}"), "name either a client_id or a csp"},
      {post("revoke", R"({"client_id":"a","csp":"b"})"), "name either a client_id or a csp"},
      {post("revoke", R"({"client_id":"17:"})"), "name either a client_id or a csp"},
      {post("credentials", R"({"media":"video","client":"a"})"), "\"csp\" is missing"},
      {post("credentials", R"({"csp":"a","client":"a"})"), "\"media\" is missing"},
      {post("credentials", R"({"csp":"a","media":"video"})"), "\"client\" is missing"},
      {post("credentials", R"({"csp":"a","media":"fax","client":"b"})"),
       "\"media\" is \"fax\"; allowed: audio, video, data"},
      {post("drain", ""), "the body is not valid JSON in UTF-8"},
      {post("drain", R"({"deadline":0})"), "\"deadline\" must be a whole number from 1 to 86400"},
      {post("drain", R"({"deadline":"1h"})"),
       "\"deadline\" must be a whole number from 1 to 86400"},
      {post("drain", R"({"stay":1})"), "\"stay\" must be true or false"},
      {post("drain", R"({"cancel":"yes"})"), "\"cancel\" must be true or false"},
      {post("drain", R"({"cancel":true,"stay":false})"),
       "what is cancelled has neither a deadline nor a stay"},
      {post("drain", R"({"cancel":true,"deadline":1})"),
       "what is cancelled has neither a deadline nor a stay"},
      {post("credentials", R"({"csp":"a","media":"data","client":"b","ttl":0})"),
       "\"ttl\" must be a whole number from 1 to 31536000"},
      {post("credentials", R"({"csp":"a","media":"data","client":"b","ttl":1.5})"),
       "\"ttl\" must be a whole number from 1 to 31536000"},
      {post("credentials", R"({"csp":"a","media":"data","client":"b","ttl":"1h"})"),
       "\"ttl\" must be a whole number from 1 to 31536000"},
      {post("credentials", R"({"csp":"a","media":"data","client":"b","ttl":18446744073709551615})"),
       "\"ttl\" must be a whole number from 1 to 31536000"},
  }));
  FakeControl control;
  const Response response = answer(control, request);
  CHECK(response.status == 400);
  CHECK(detail(response) == expected);
  CHECK(control.calls().empty());
}

TEST_CASE("a content type may have parameters and any case") {
  FakeControl control;
  CHECK(answer(control, post("cut", R"({"id":"1"})", "Application/JSON ; charset=utf-8")).status ==
        200);
}

TEST_CASE("a query decodes escapes and blanks and bounds its parameters") {
  const std::array<std::string_view, 1> known{"a b"};
  const auto query = plugin::http::parse_query("&&a+b=%2b+%00&", known);
  REQUIRE(query);
  CHECK(query.value() == plugin::http::NamedValues{{"a b", std::string("+ \0", 3)}});
}
