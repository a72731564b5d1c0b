// Users of coturn's own mechanisms as clients of default_csp: who they are, whatever their username is.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "broker/names.h"
#include "broker_fixture.h"

using namespace testing;

namespace {

std::string config(const std::string& per_client) {
  return "default_csp = \"acme\"\n" + acme("10 MB", "per_client = \"" + per_client + "\"");
}

/// What the broker lets `username` relay: all that its client has left, or `octets_max`.
std::uint64_t relayed(RunningBroker& running, const std::string& username,
                      std::uint64_t octets_max = 1'000'000) {
  FakeRelay relay(running.broker(), running.host, 0);
  FakeAllocation allocation;
  if (relay.allocate(username, "", allocation, false) != 0) return 0;
  REQUIRE(eventually([&] {
    relay.relay(allocation, TURN_CLIENT_TO_PEER, 1'000);
    relay.tick();
    return running.host.cancelled(allocation.id).has_value() || received(allocation) >= octets_max;
  }));
  relay.close(allocation, TURN_CLOSE_RELEASED);
  return received(allocation);
}

std::set<std::string> recorded_clients(const RunningBroker& running) {
  std::set<std::string> names;
  for (const std::string& record : running.records())
    names.insert(nlohmann::json::parse(record).at("client").get<std::string>());
  return names;
}

}  // namespace

TEST_CASE("usernames of coturn's REST form with different expiries are one client") {
  RunningBroker running(config("100 kB"));
  CHECK(relayed(running, "1820000000:alice", 60'000) == 60'000);
  CHECK(relayed(running, "1820000001:alice") == 40'000);
  CHECK(relayed(running, "1820000002:alice") == 0);
  CHECK(relayed(running, "alice") == 0);
  CHECK(relayed(running, "1820000003:bob") == 100'000);
  running.stop();
  CHECK(recorded_clients(running) == std::set<std::string>{"alice", "bob"});
}

TEST_CASE("long usernames of coturn's own that begin alike are different clients") {
  RunningBroker running(config("100 kB"));
  const std::string same(200, 'x');
  CHECK(relayed(running, same + "1") == 100'000);
  CHECK(relayed(running, "1820000000:" + same + "1") == 0);
  CHECK(relayed(running, same + "2") == 100'000);
  running.stop();
  const auto names = recorded_clients(running);
  CHECK(names.size() == 2);
  for (const std::string& name : names) CHECK(broker::check_client_name(name));
}

TEST_CASE("a user without a name, as no-auth lets in, is metered under default_csp") {
  RunningBroker running(config("100 kB"));
  CHECK(relayed(running, "", 200'000) == 200'000);
}
