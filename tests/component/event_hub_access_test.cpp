// Who may watch, and for how long.
#include "event_hub_fixture.h"

using namespace event_test;

TEST_CASE("an expired client id ends its stream", "[events]") {
  Api api;
  auto writer = api.open(Api::get("clientID=" + client_id("alice", "acme", 600) +
                                  "&clientID=" + client_id("bob", "acme", 60)));
  auto csp = api.watch_csp("acme");
  api.clock.ms = 59'999;
  api.hub.tick();
  CHECK_FALSE(writer->closed);
  api.clock.ms = 60'000;
  api.hub.tick();
  CHECK(writer->closed);
  CHECK_FALSE(csp->closed);
  CHECK(api.hub.watchers() == 1);
}

TEST_CASE("a configuration that no longer lets a watcher in ends its stream", "[events]") {
  Api api;
  auto client = api.watch(client_id("alice"));
  auto csp = api.watch_csp("acme");
  auto other = api.watch_csp("voice");
  api.hub.tick();
  CHECK(api.hub.watchers() == 3);

  auto config = two_csps();
  config.csps.at("acme").api_keys = {broker::Secret("another-key-0123456789")};
  api.stand(config);
  api.hub.tick();
  CHECK(csp->closed);
  CHECK_FALSE(client->closed);

  config.secrets = {broker::Secret("another-secret-0123456")};
  api.stand(config);
  api.hub.tick();
  CHECK(client->closed);
  CHECK_FALSE(other->closed);
}

TEST_CASE("a client id that is revoked ends its stream, and opens none", "[events]") {
  Api api;
  auto alice = api.watch(client_id("alice"));
  auto bob = api.watch(client_id("bob"));
  api.hub.tick();
  auto revocations = std::make_shared<Revocations>();
  revocations->by_who[hash_of_who(broker::token_of(client_id("alice")))] = now_s;
  auto standing = std::make_shared<Standing>(*api.board.get());
  standing->revocations = revocations;
  api.board.publish(standing);
  api.hub.tick();
  CHECK(alice->closed);
  CHECK_FALSE(bob->closed);
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice"))) == "403 client-id-invalid");
}

TEST_CASE("who may not watch is told why", "[events]") {
  Api api;
  const auto id = client_id("alice");
  const http::NamedValues from_elsewhere{{"Origin", "https://evil.example"}};
  CHECK(api.refusal(Api::get("")) == "401 unauthorized");
  CHECK(api.refusal(Api::get("", {{"Authorization", "Bearer wrong"}})) == "401 unauthorized");
  CHECK(api.refusal(Api::get("clientID=" + id + "x")) == "403 client-id-invalid");
  // What stands in a username on the wire, and what another client has.
  const std::string token(broker::token_of(id));
  CHECK(api.refusal(Api::get("clientID=" + token)) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=" + id + "&clientID=" + token)) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=" + token + client_id("bob").substr(token.size() - 2))) ==
        "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=")) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=" + id + "&clientID=tb1.x")) == "403 client-id-invalid");
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice", "gone"))) == "404 unknown-csp");
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice", "acme", 600,
                                                     broker::MediaType::audio))) == "404 no-quota");
  CHECK(api.refusal(Api::get("clientID=" + id, from_elsewhere)) == "403 origin-not-allowed");
  CHECK(api.refusal(Api::get("", {{"Authorization", "Bearer acme-key-0123456789"},
                                  {"Origin", "https://evil.example"}})) ==
        "403 origin-not-allowed");
  CHECK(api.refusal(Api::get("clientID=" + id, {{"Authorization", "Bearer acme-key-0123456789"}}))
            .empty());
  for (const char* key : {"voice-key-0123456789", "wrong"})
    CHECK(api.refusal(
              Api::get("clientID=" + id, {{"Authorization", std::string("Bearer ") + key}})) ==
          "401 unauthorized");
  CHECK(api.refusal(Api::get("clientId=" + id)) == "400 bad-parameter");
  CHECK(api.refusal(Api::get("clientID=%4")) == "400 bad-parameter");
  std::string many = "clientID=" + id;
  for (int i = 1; i < 16; ++i) many += "&clientID=" + id;
  CHECK(api.refusal(Api::get(many)).empty());
  CHECK(api.refusal(Api::get(many + "&clientID=" + id)) == "400 bad-parameter");
  api.clock.ms = 600'000;
  CHECK(api.refusal(Api::get("clientID=" + id)) == "403 client-id-expired");
  // As any other route: the key and the origin come first, an unknown CSP before them.
  CHECK(api.refusal(Api::get("clientID=" + id, {{"Authorization", "Bearer wrong"}})) ==
        "401 unauthorized");
  CHECK(api.refusal(Api::get("clientID=" + id, from_elsewhere)) == "403 origin-not-allowed");
  CHECK(api.refusal(Api::get("clientID=" + client_id("alice", "gone"))) == "404 unknown-csp");

  auto answer = api.route(Api::get("clientID=" + client_id("alice", "acme", 6'000),
                                   {{"Origin", "https://acme.example"}}));
  const auto* stream = std::get_if<http::Streaming>(&answer);
  REQUIRE(stream != nullptr);
  CHECK(stream->headers[0].second == "https://acme.example");
}
