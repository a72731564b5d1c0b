// The HTTP API of a running broker, over loopback: from a client id to a relayed packet, to the cut, to
// the raised limit.
#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api_client.h"
#include "fake_relay.h"
#include "sqlite/sqlite_handle.h"

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

const api_client::Headers with_key{{"Authorization", "Bearer " + key}};
const api_client::Headers as_admin{{"Authorization", "Bearer " + admin_token}};
const std::string alice = "cspID=acme&mediaType=data&clientName=alice";

}  // namespace

TEST_CASE("from the API to the cut, and in again after the limit was raised", "[api]") {
  RunningBroker running(config("10 kB"));
  const std::string url = only_url(running);
  FakeRelay relay(running.broker(), running.host, 0);

  const auto issued = api_client::get(url + "/v1/iceServers?" + alice, with_key);
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

  api_client::Response refused;
  REQUIRE(eventually([&] {
    refused = api_client::get(url + "/v1/getTurnAddr?" + alice, with_key);
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
  api_client::Response again;
  REQUIRE(eventually([&] {
    again = api_client::get(url + "/v1/getTurnAddr?" + alice, with_key);
    return again.status == 200;
  }));
  const std::string client_id = Json::parse(again.body)["clientID"];
  const auto second = api_client::get(url + "/v1/getTurnCredentials?clientID=" + client_id);
  REQUIRE(second.status == 200);
  const Json other = Json::parse(second.body);
  FakeAllocation more;
  REQUIRE(relay.allocate(other["username"], other["password"], more) == 0);
  CHECK(relay.relay(more, TURN_CLIENT_TO_PEER, 1'000));
  relay.close(more, TURN_CLOSE_RELEASED);
}

TEST_CASE("admin routes of a running broker are answered by its own thread", "[api]") {
  RunningBroker running(config("10 kB"));
  const std::string url = only_url(running);
  const auto status = api_client::get(url + "/v1/admin/status", as_admin);
  REQUIRE(status.status == 200);
  CHECK(Json::parse(status.body)["relay"] == "relay");
  CHECK(api_client::get(url + "/v1/admin/status").status == 401);
  CHECK(api_client::get(url + "/v1/admin/status", with_key).status == 401);

  const auto issued =
      api_client::post(url + "/v1/iceServers", with_key,
                       R"({"cspID":"acme","mediaType":"data","clientName":"alice"})");
  REQUIRE(issued.status == 200);
  const Json credentials = Json::parse(issued.body);
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation;
  REQUIRE(relay.allocate(credentials["username"], credentials["password"], allocation) == 0);
  const auto list = api_client::get(url + "/v1/admin/allocations", as_admin);
  REQUIRE(Json::parse(list.body)["allocations"].size() == 1);
  CHECK(Json::parse(list.body)["allocations"][0]["client"] == "alice");

  // Revoked: the client id says so, the allocation ends, the credentials are refused.
  const std::string client_id = credentials["clientID"];
  const std::string token(broker::token_of(client_id));
  CHECK(credentials["username"].get<std::string>().ends_with(":" + token));
  // Whoever saw the username has no more than that.
  CHECK(api_client::get(url + "/v1/getTurnCredentials?clientID=" + client_id).status == 200);
  CHECK(api_client::get(url + "/v1/getTurnCredentials?clientID=" + token).status == 403);
  CHECK(api_client::get(url + "/v1/events?clientID=" + token).status == 403);
  const auto revoked =
      api_client::post(url + "/v1/admin/revoke", as_admin, Json{{"client_id", client_id}}.dump());
  REQUIRE(revoked.status == 200);
  CHECK(Json::parse(revoked.body)["cut"] == 1);
  CHECK(Json::parse(revoked.body)["revoked"] == token);
  CHECK(running.host.cancelled(allocation.id) == TURN_CLOSE_REVOKED);
  REQUIRE(eventually([&] {
    return api_client::get(url + "/v1/getTurnCredentials?clientID=" + client_id).status == 403;
  }));
  CHECK(api_client::get(url + "/v1/events?clientID=" + client_id).status == 403);
  CHECK(api_client::get(url + "/v1/events?clientID=tb1.x").status == 403);
  CHECK(api_client::get(url + "/v1/events").status == 401);
  CHECK(api_client::get(url + "/v1/events", {{"Authorization", "Bearer wrong"}}).status == 401);
  relay.close(allocation, TURN_CLOSE_REVOKED);
  FakeAllocation refused;
  CHECK(relay.allocate(credentials["username"], credentials["password"], refused) == 401);
}

TEST_CASE("what one relay issued another relay with the same secrets takes", "[api]") {
  RunningBroker first(config("10 kB"));
  const auto issued = api_client::get(only_url(first) + "/v1/getTurnAddr?" + alice, with_key);
  REQUIRE(issued.status == 200);
  const std::string client_id = Json::parse(issued.body)["clientID"];
  first.stop();

  RunningBroker second(config("10 kB"));
  const auto given =
      api_client::get(only_url(second) + "/v1/getTurnCredentials?clientID=" + client_id);
  REQUIRE(given.status == 200);
  const Json credentials = Json::parse(given.body);
  FakeRelay relay(second.broker(), second.host, 0);
  FakeAllocation allocation;
  REQUIRE(relay.allocate(credentials["username"], credentials["password"], allocation) == 0);
  relay.close(allocation, TURN_CLOSE_RELEASED);
}

TEST_CASE("keys, origins and limits of a reloaded file count at once", "[api]") {
  RunningBroker running(config("10 kB"));
  const std::string url = only_url(running);
  const std::string other_key = "acme-other-key-0123456789";
  std::string changed = config("10 kB");
  changed.replace(changed.find(key), key.size(), other_key);
  running.write_config(changed);
  const std::string addr = url + "/v1/getTurnAddr?" + alice;
  REQUIRE(eventually([&] {
    return api_client::get(addr, {{"Authorization", "Bearer " + other_key}}).status == 200;
  }));
  CHECK(api_client::get(addr, with_key).status == 401);

  // A broken file changes nothing.
  running.write_config(config("10 kB") + "[csp.acme.webhook]\n");
  REQUIRE(eventually([&] {
    return running.host.log_text().find("configuration not reloaded") != std::string::npos;
  }));
  CHECK(api_client::get(addr, {{"Authorization", "Bearer " + other_key}}).status == 200);
}

TEST_CASE("behind a trusted proxy connections and streams are the clients'", "[api]") {
  constexpr int streams_per_address = 16;
  const auto with = [](const std::string& more) {
    std::string text = config("10 kB");
    return text.insert(text.find("[relay]"),
                       "connections_per_address = 1\nwatchers_per_address = 16\n" + more);
  };
  RunningBroker running(with(""));
  const std::string url = only_url(running);
  const plugin::UniqueFd first = api_client::connect_to(api_client::target_of(url));
  CHECK(api_client::get(url + "/healthz").status == 429);
  running.write_config(with("trusted_proxies = [\"127.0.0.1\"]\n"));
  REQUIRE(eventually([&] { return api_client::get(url + "/healthz").status == 200; }));

  std::vector<plugin::UniqueFd> open;
  const auto watch = [&](const std::string& client) {
    open.push_back(api_client::connect_to(api_client::target_of(url)));
    const std::string request = "GET /v1/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " + client +
                                "\r\nAuthorization: Bearer " + key + "\r\n\r\n";
    REQUIRE(::send(open.back().get(), request.data(), request.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(request.size()));
    std::array<char, 12> head{};
    REQUIRE(::recv(open.back().get(), head.data(), head.size(), MSG_WAITALL) == 12);
    return std::string(head.data() + 9, 3);
  };
  for (int i = 0; i < streams_per_address; ++i) CHECK(watch("198.51.100.1") == "200");
  CHECK(watch("198.51.100.1") == "429");
  CHECK(watch("198.51.100.2") == "200");
}

TEST_CASE("two CSPs at once: the one that is exhausted is refused, the other is not", "[api]") {
  const std::string globex =
      "[csp.globex]\napi_key = \"globex-api-key-0123456789\"\n[csp.globex.quota.data]\n"
      "volume = \"10 kB\"\nperiod = \"day\"\n";
  RunningBroker running(config("5 kB", globex));
  const std::string url = only_url(running);
  const api_client::Headers globex_key{{"Authorization", "Bearer globex-api-key-0123456789"}};
  const std::string bob = "cspID=globex&mediaType=data&clientName=bob";
  FakeRelay relay(running.broker(), running.host, 0);
  const auto allocate = [&](const std::string& query, const api_client::Headers& headers) {
    const auto issued = api_client::get(url + "/v1/iceServers?" + query, headers);
    REQUIRE(issued.status == 200);
    const Json credentials = Json::parse(issued.body);
    FakeAllocation allocation;
    REQUIRE(relay.allocate(credentials["username"], credentials["password"], allocation) == 0);
    return allocation;
  };
  FakeAllocation of_acme = allocate(alice, with_key);
  FakeAllocation of_globex = allocate(bob, globex_key);
  REQUIRE(eventually([&] {
    relay.relay(of_acme, TURN_CLIENT_TO_PEER, 500);
    relay.tick();
    return running.host.cancelled(of_acme.id).has_value();
  }));
  CHECK(relay.relay(of_globex, TURN_CLIENT_TO_PEER, 500));
  REQUIRE(eventually(
      [&] { return api_client::get(url + "/v1/getTurnAddr?" + alice, with_key).status == 403; }));
  CHECK(api_client::get(url + "/v1/getTurnAddr?" + bob, globex_key).status == 200);
  CHECK_FALSE(running.host.cancelled(of_globex.id));
  relay.close(of_acme, TURN_CLOSE_QUOTA_EXHAUSTED);
  relay.close(of_globex, TURN_CLOSE_RELEASED);
}

TEST_CASE("a client whose own part is used up is refused, others of its CSP are not", "[api]") {
  RunningBroker running(config("100 kB", "per_client = \"5 kB\"\n"));
  const std::string url = only_url(running);
  FakeRelay relay(running.broker(), running.host, 0);
  const auto issued = api_client::get(url + "/v1/iceServers?" + alice, with_key);
  const Json credentials = Json::parse(issued.body);
  FakeAllocation allocation;
  REQUIRE(relay.allocate(credentials["username"], credentials["password"], allocation) == 0);
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 500);
    relay.tick();
    return running.host.cancelled(allocation.id).has_value();
  }));
  api_client::Response refused;
  REQUIRE(eventually([&] {
    refused = api_client::get(url + "/v1/getTurnAddr?" + alice, with_key);
    return refused.status == 403;
  }));
  CHECK(Json::parse(refused.body)["clientName"] == "alice");
  CHECK(Json::parse(refused.body)["limit_octets"] == 5'000);
  CHECK(api_client::get(url + "/v1/getTurnAddr?cspID=acme&mediaType=data&clientName=bob", with_key)
            .status == 200);
  relay.close(allocation, TURN_CLOSE_QUOTA_EXHAUSTED);
}

TEST_CASE("the log names the addresses and nothing secret; a taken one stops the start", "[api]") {
  RunningBroker running(config("10 kB"));
  const std::string url = only_url(running);
  CHECK(running.host.log_text().find("HTTP API on " + url) != std::string::npos);
  api_client::get(url + "/v1/getTurnAddr?" + alice, with_key);
  api_client::get(url + "/v1/getTurnCredentials?clientID=tb1.x", with_key);
  api_client::get(url + "/v1/admin/status", as_admin);
  for (const std::string& secret : {key, admin_token, std::string("alice"), std::string("tb1.")})
    CHECK(running.host.log_text().find(secret) == std::string::npos);

  testing::TestClock clock(1'790'000'000);
  const auto directory = running.directory() / "second";
  std::filesystem::create_directory(directory);
  const std::string address = url.substr(std::string("http://").size());
  {
    std::ofstream file(directory / "turnbroker.toml");
    file << "[broker]\nsecret = \"0123456789abcdef0123\"\nstate_dir = \"state\"\n"
         << "[broker.http]\nlisten = \"" << address << "\"\n";
  }
  {
    plugin::Broker second(plugin::Host(running.host.table()), clock);
    REQUIRE(second.load((directory / "turnbroker.toml").string()));
    const auto started = second.start();
    REQUIRE_FALSE(started);
    CHECK(started.error().message ==
          "HTTP API: cannot listen on " + address + ": Address already in use");
  }

  // It leaves nothing for the next start to settle.
  CHECK_FALSE(std::filesystem::exists(directory / "state" / "meters"));
  std::ofstream(directory / "turnbroker.toml")
      << "[broker]\nsecret = \"0123456789abcdef0123\"\nstate_dir = \"state\"\n";
  const std::size_t said = running.host.log_text().size();
  plugin::Broker third(plugin::Host(running.host.table()), clock);
  REQUIRE(third.load((directory / "turnbroker.toml").string()));
  REQUIRE(third.start());
  third.stop();
  const std::string log = running.host.log_text().substr(said);
  CHECK(log.find("stopped, everything is settled") != std::string::npos);
  CHECK(log.find("did not end properly") == std::string::npos);
  CHECK(log.find("left no meter table") == std::string::npos);
}

TEST_CASE("readyz says so while the ledger fails, and when it answers again", "[api]") {
  RunningBroker running(config("10 MB"));
  const std::string url = only_url(running);
  api_client::Response readyz;
  const auto becomes = [&](int status) {
    return eventually([&] {
      readyz = api_client::get(url + "/readyz");
      return readyz.status == status;
    });
  };
  REQUIRE(becomes(200));
  const std::string ledger = (running.directory() / "state" / "ledger.sqlite3").string();
  auto other = plugin::SqliteDatabase::open(ledger);
  REQUIRE(other);
  // Nobody else can write to it now.
  REQUIRE(other.value().execute("BEGIN IMMEDIATE", "begin"));
  FakeRelay relay(running.broker(), running.host, 0);
  const auto issued = api_client::get(url + "/v1/iceServers?" + alice, with_key);
  REQUIRE(issued.status == 200);
  std::thread asks_for_credit([&, credentials = Json::parse(issued.body)] {
    FakeAllocation allocation;
    if (relay.allocate(credentials["username"], credentials["password"], allocation) == 0)
      relay.close(allocation, TURN_CLOSE_RELEASED);
  });
  CHECK(becomes(503));
  CHECK(Json::parse(readyz.body)["type"] == "/problems/no-healthy-relay");
  CHECK(Json::parse(readyz.body)["detail"] == "the relay's ledger does not answer");
  CHECK(readyz.head.find("Retry-After: 5") != std::string::npos);
  CHECK(api_client::get(url + "/healthz").status == 200);
  CHECK(api_client::get(url + "/v1/getTurnAddr?" + alice, with_key).status == 503);

  REQUIRE(other.value().execute("ROLLBACK", "end"));
  CHECK(becomes(200));
  CHECK(api_client::get(url + "/v1/getTurnAddr?" + alice, with_key).status == 200);
  asks_for_credit.join();
}

TEST_CASE("a broker stops at once while the HTTP API is being asked", "[api]") {
  RunningBroker running(config("10 kB"));
  const api_client::Target target = api_client::target_of(only_url(running) + "/");
  // Connections that ask nothing, half of a request, and an admin's answer that nobody reads.
  std::vector<plugin::UniqueFd> open;
  for (const std::string text : {"", "GET /v1/getTurnAddr?", "POST /v1/iceServers HTTP/1.1\r\n"}) {
    open.push_back(api_client::connect_to(target));
    REQUIRE(::send(open.back().get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  for (int i = 0; i < 20; ++i) {
    open.push_back(api_client::connect_to(target));
    const std::string text = "GET /v1/admin/usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                             admin_token + "\r\n\r\n";
    REQUIRE(::send(open.back().get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  running.stop();
  CHECK(running.host.log_text().find("stopped, everything is settled") != std::string::npos);
  CHECK_THROWS(api_client::connect_to(target));
}
