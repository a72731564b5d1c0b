// A relay that is taken away while calls are on: by a signal with drain_time, by turnbrokerctl, and by
// a second signal.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker_relay.h"
#include "support/redis_server.h"
#include "support/udp_peer.h"
#include "support/wait_until.h"

using namespace turntest;

namespace {

constexpr std::uint16_t channel = 0x4000;
constexpr Milliseconds patience{20'000};

BrokerRelayOptions draining_for(std::string_view time) {
  BrokerRelayOptions options;
  options.csp_toml = BrokerRelay::acme("1 GB");
  options.broker_toml = "drain_time = \"" + std::string(time) + "\"\n";
  options.relay.relay_threads = 2;
  return options;
}

/// A client with a channel to a peer of its own.
class Call {
 public:
  Call(BrokerRelay& relay, TransportKind transport, std::string_view name)
      : client_(relay.client(transport, 4, name)) {
    REQUIRE(client_.allocate());
    REQUIRE(client_.bind_channel(channel, peer_.address()));
  }

  /// A packet each way, and both have arrived: what is lost, nobody waits for in vain unnoticed.
  [[nodiscard]] bool exchange() {
    const Bytes payload(400, 0x5a);
    return client_.send_channel(channel, payload) &&
           peer_.send(client_.relayed_address(), payload) &&
           peer_.wait_received_packets(client_.sent().packets, patience) &&
           client_.wait_received_packets(peer_.sent().packets, patience);
  }

  /// All that was sent has been received, in both directions.
  void check_complete() {
    REQUIRE(peer_.settle());
    CHECK(peer_.received() == client_.sent());
    CHECK(client_.received() == peer_.sent());
  }

  [[nodiscard]] TurnClient& client() { return client_; }
  [[nodiscard]] UdpPeer& peer() { return peer_; }
  [[nodiscard]] std::uint64_t octets() const { return client_.sent().octets + peer_.sent().octets; }

 private:
  UdpPeer peer_;
  TurnClient client_;
};

using Calls = std::vector<std::unique_ptr<Call>>;

Calls call_over_all(BrokerRelay& relay) {
  Calls calls;
  for (const TransportKind transport : all_transports)
    calls.push_back(std::make_unique<Call>(relay, transport, "c" + std::to_string(calls.size())));
  return calls;
}

void exchange(const Calls& calls, int rounds) {
  for (int i = 0; i < rounds; ++i)
    for (const auto& call : calls) REQUIRE(call->exchange());
}

int allocate_code(BrokerRelay& relay, TransportKind transport = TransportKind::udp) {
  TurnClient client(relay.client(transport, 4, "late"));
  return client.allocate().code;
}

/// The process has ended by itself, with 0 and with everything settled.
void check_settled(BrokerRelay& relay) {
  const auto exit = relay.relay().process().wait_exit(patience);
  REQUIRE(exit);
  CHECK(exit->status == 0);
  CHECK(exit->signal == 0);
  CHECK(relay.relay().output().find("stopped, everything is settled") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(relay.state_dir() / "meters"));
}

/// Each call's record has its octets and its reason, and the next process's ledger has their sum.
void check_ledger(BrokerRelay& relay, const Calls& calls, const std::vector<std::string>& reasons) {
  std::uint64_t octets = 0;
  const auto records = relay.records();
  REQUIRE(records.size() == calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    octets += calls[i]->octets();
    const auto record = std::find_if(records.begin(), records.end(), [&](const auto& each) {
      return each.at("client") == "c" + std::to_string(i);
    });
    REQUIRE(record != records.end());
    CHECK(record->at("reason") == reasons.at(i));
    CHECK(record->at("client_to_peer_octets") == calls[i]->client().sent().octets);
    CHECK(record->at("peer_to_client_octets") == calls[i]->peer().sent().octets);
  }
  relay.relay().restart();
  CHECK(relay.usage().used_octets == octets);
}

}  // namespace

TEST_CASE("SIGTERM with drain_time: no packet of a call is lost, nobody new, settled at the end") {
  BrokerRelay relay(draining_for("10m"));
  const Calls calls = call_over_all(relay);
  exchange(calls, rounds(50, 20));
  relay.relay().process().signal(SIGTERM);
  // The traffic does not pause while the relay takes it up.
  REQUIRE(wait_until(patience, [&] {
    exchange(calls, 1);
    return relay.relay().output().find("draining: 4 allocations are left") != std::string::npos;
  }));
  for (const TransportKind transport : all_transports)
    CHECK(allocate_code(relay, transport) == 508);
  const auto drain = relay.ctl({"status"}).at("drain");
  CHECK(drain.at("stay") == false);
  CHECK(drain.at("until").is_string());
  CHECK(relay.ctl_raw({"drain", "--cancel"}).exit.status == 1);

  // What a call needs to go on: more time, and another peer.
  const UdpPeer other;
  for (const auto& call : calls) {
    REQUIRE(call->client().refresh(600));
    REQUIRE(call->client().create_permission(other.address()));
    REQUIRE(call->client().bind_channel(channel, call->peer().address()));
    REQUIRE(call->client().bind_channel(channel + 1, other.address()));
  }
  exchange(calls, rounds(100, 20));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i]->check_complete();
    CHECK(relay.relay().process().running());
    REQUIRE(calls[i]->client().refresh(0));
    for (std::size_t j = i + 1; j < calls.size(); ++j) REQUIRE(calls[j]->exchange());
  }
  check_settled(relay);
  check_ledger(relay, calls, std::vector<std::string>(calls.size(), "released"));
}

TEST_CASE("at the end of drain_time what is left is ended, and all is settled") {
  BrokerRelay relay(draining_for("5s"));
  const Calls calls = call_over_all(relay);
  exchange(calls, 10);
  const TimePoint asked = Clock::now();
  relay.relay().process().signal(SIGTERM);
  REQUIRE(relay.relay().wait_output("draining: 4 allocations are left", patience));
  exchange(calls, 10);
  for (const auto& call : calls) call->check_complete();
  REQUIRE(calls[0]->client().refresh(0));
  check_settled(relay);
  CHECK(Clock::now() - asked >= Milliseconds(4'900));
  check_ledger(relay, calls, {"released", "shutdown", "shutdown", "shutdown"});
}

TEST_CASE("a relay without calls ends at once, whatever drain_time says") {
  BrokerRelay relay(draining_for("24h"));
  relay.relay().process().signal(SIGTERM);
  check_settled(relay);
}

TEST_CASE("a second signal ends a drain at once, and all is settled") {
  const int second = GENERATE(SIGTERM, SIGINT);
  CAPTURE(second);
  BrokerRelay relay(draining_for("24h"));
  const Calls calls = call_over_all(relay);
  relay.relay().process().signal(SIGTERM);
  REQUIRE(relay.relay().wait_output("draining: 4 allocations are left", patience));
  exchange(calls, 10);
  for (const auto& call : calls) call->check_complete();
  relay.relay().process().signal(second);
  check_settled(relay);
  check_ledger(relay, calls, std::vector<std::string>(calls.size(), "shutdown"));
}

TEST_CASE("without drain_time the first signal stops at once") {
  BrokerRelay relay(draining_for("0s"));
  const Calls calls = call_over_all(relay);
  exchange(calls, 10);
  relay.relay().process().signal(SIGTERM);
  check_settled(relay);
  check_ledger(relay, calls, std::vector<std::string>(calls.size(), "shutdown"));
}

TEST_CASE("turnbrokerctl drains, takes it back, and drains to the end") {
  BrokerRelay relay(draining_for("0s"));
  const Calls calls = call_over_all(relay);
  CHECK(relay.ctl({"drain", "--stay"}).at("allocations") == calls.size());
  CHECK(allocate_code(relay) == 508);
  exchange(calls, 10);
  CHECK(relay.ctl({"drain", "--cancel"}).at("draining") == false);
  {
    TurnClient guest(relay.client(TransportKind::udp, 4, "guest"));
    CHECK(guest.allocate());
    CHECK(guest.refresh(0));
  }
  REQUIRE(wait_until(patience, [&] { return relay.records().size() == 1; }));

  // A deadline with --stay ends the calls, and the server stays.
  CHECK(relay.ctl({"drain", "--stay", "--deadline", "1s"}).at("until").is_string());
  REQUIRE(wait_until(patience, [&] { return relay.records().size() == 1 + calls.size(); }));
  for (std::size_t i = 1; i <= calls.size(); ++i)
    CHECK(relay.records()[i].at("reason") == "shutdown");
  CHECK(relay.relay().process().running());
  CHECK(relay.ctl({"status"}).at("drain").at("stay") == true);
  CHECK(allocate_code(relay) == 508);

  CHECK(relay.ctl({"drain"}).at("allocations") == 0);
  check_settled(relay);
}

TEST_CASE("the fleet hears at once of a relay that drains, and of its end") {
  const RedisServer redis;
  auto options = draining_for("0s");
  options.broker_toml += "[broker.store]\nkind = \"redis\"\nurl = \"redis://" + redis.address() +
                         "/0\"\n[relay]\nid = \"fra1\"\n";
  BrokerRelay relay(options);
  const auto told = [&] {
    const std::string text = redis.cli({"HGET", "turnbroker:{fleet}:relay:fra1", "draining"});
    return text.substr(0, text.find('\n'));
  };
  REQUIRE(wait_until(patience, [&] { return told() == "false"; }));
  // Heartbeats come every two seconds: with these alone it would not be heard of twice in one.
  for (const bool drains : {true, false, true}) {
    static_cast<void>(relay.ctl({"drain", drains ? "--stay" : "--cancel"}));
    CHECK(wait_until(Milliseconds(1'000), [&] { return told() == (drains ? "true" : "false"); }));
  }
  static_cast<void>(relay.ctl({"drain"}));
  check_settled(relay);
  CHECK(told().empty());
}
