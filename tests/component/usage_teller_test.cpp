// What subscribers hear of usage, and how little is sent when there are none.
#include "broker/usage_teller.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

using nlohmann::json;
using plugin::AccountStatus;
using plugin::UsageTeller;

namespace {

struct Wire {
  std::vector<json> messages;
  std::uint64_t subscribers = 1;
  UsageTeller teller{"fra1", "00000000000000aa",
                     [this](const auto& channel, const auto& text, const plugin::Heard& heard) {
                       CHECK(channel == "turnbroker:usage");
                       messages.push_back(json::parse(text));
                       heard(subscribers);
                     }};

  std::size_t tell(const std::vector<AccountStatus>& accounts) {
    const std::size_t before = messages.size();
    teller.tell(1'000, accounts, {});
    return messages.size() - before;
  }
};

std::vector<AccountStatus> accounts_that_used(std::uint64_t octets) {
  std::vector<AccountStatus> accounts(3 * UsageTeller::entries_max);
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    accounts[i].csp = "csp" + std::to_string(i);
    accounts[i].used.octets = {octets, 0};
  }
  return accounts;
}

}  // namespace

TEST_CASE("while nobody subscribes one message finds out whether somebody does", "[fleet]") {
  Wire wire;
  CHECK(wire.tell(accounts_that_used(1)) == 3);
  wire.subscribers = 0;
  CHECK(wire.tell(accounts_that_used(2)) == 3);  // nobody is there, as is found out now
  CHECK(wire.tell(accounts_that_used(3)) == 1);
  wire.subscribers = 2;
  CHECK(wire.tell(accounts_that_used(4)) == 1);
  // What was not told is told now, though it has not changed again; what was told is not.
  CHECK(wire.tell(accounts_that_used(4)) == 2);
  CHECK(wire.tell(accounts_that_used(4)) == 0);
}

TEST_CASE("usage that has not changed is not told again", "[fleet]") {
  Wire wire;
  auto accounts = accounts_that_used(5);
  REQUIRE(wire.tell(accounts) == 3);
  accounts[7].used.octets[1] = 9;
  REQUIRE(wire.tell(accounts) == 1);
  const json& message = wire.messages.back();
  CHECK(message["relay"] == "fra1");
  REQUIRE(message["accounts"].size() == 1);
  CHECK(message["accounts"][0]["csp"] == "csp7");
  CHECK(message["accounts"][0]["peer_to_client_octets"] == 9);
}
