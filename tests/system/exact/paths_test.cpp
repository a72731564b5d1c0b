// Every way a payload can take through the relay: client transport, framing, address family.
#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "exact/call.h"

using namespace exact;
using namespace turntest;

namespace {

/// Nothing, little, odd, and what fits an Ethernet frame with IPv6 or IPv4 and with or without
/// TURN.
constexpr std::array<std::size_t, 16> telling_sizes{
    0, 1, 2, 3, 4, 5, 7, 999, 1'200, 1'416, 1'451, 1'452, 1'453, 1'471, 1'472, 1'473};

std::vector<std::size_t> random_sizes(std::mt19937_64& random) {
  std::uniform_int_distribution<std::size_t> size(0, 1'473);
  std::vector<std::size_t> sizes(Call::burst_packets_max);
  for (std::size_t& each : sizes) each = size(random);
  return sizes;
}

/// Talks over one path, with everything repeated that a client repeats,
/// and then lets go of its allocation.
Relayed talk(BrokerRelay& relay, const CallOptions& options, std::mt19937_64& random) {
  CAPTURE(to_string(options.transport), options.family, options.channel, options.peer_family);
  Call call(relay, options);
  call.exchange(telling_sizes);
  for (int round = 0; round < rounds(30, 5); ++round) {
    call.burst(random_sizes(random));
    if (round % 5 == 0) call.repeat_requests();
  }
  return call.release();
}

using Talks = std::vector<std::pair<std::string, Relayed>>;

Relayed sum_of(const Talks& talks) {
  Relayed sum;
  for (const auto& [name, relayed] : talks) sum += relayed;
  return sum;
}

void check_records(const BrokerRelay& relay, const Talks& talks) {
  for (const auto& [name, relayed] : talks) {
    CAPTURE(name);
    const auto record = record_of(relay, name);
    CHECK(relayed_of(record) == relayed);
    CHECK(record.at("reason") == "released");
  }
}

void check_account(BrokerRelay& relay, const Relayed& expected) {
  const Usage usage = relay.usage();
  CHECK(usage.client_to_peer_octets == expected.client_to_peer.octets);
  CHECK(usage.peer_to_client_octets == expected.peer_to_client.octets);
  CHECK(usage.used_octets == expected.client_to_peer.octets + expected.peer_to_client.octets);
}

}  // namespace

TEST_CASE("what both ends receive is what is recorded, to the octet, on every path") {
  std::mt19937_64 random(test_seed());
  const auto transport = GENERATE(from_range(all_transports));
  BrokerRelay relay(with_room());
  Talks talks;
  for (const int family : {4, 6}) {
    for (const bool channel : {true, false}) {
      CallOptions options;
      options.name = "ipv" + std::to_string(family) + (channel ? "-channel" : "-indication");
      options.transport = transport;
      options.family = family;
      options.channel = channel;
      talks.emplace_back(options.name, talk(relay, options, random));
      check_account(relay, sum_of(talks));
    }
  }
  check_records(relay, talks);
  check_books(relay, sum_of(talks));
}

TEST_CASE("an IPv6 relayed transport address of an IPv4 client is counted alike, and the reverse") {
  std::mt19937_64 random(test_seed());
  BrokerRelay relay(with_room());
  Talks talks;
  for (const int family : {4, 6}) {
    for (const bool channel : {true, false}) {
      CallOptions options;
      options.name = "from-ipv" + std::to_string(family) + (channel ? "-channel" : "-indication");
      options.family = family;
      options.peer_family = 10 - family;
      options.channel = channel;
      talks.emplace_back(options.name, talk(relay, options, random));
    }
  }
  check_records(relay, talks);
  check_books(relay, sum_of(talks));
}

TEST_CASE("many allocations on several relay threads add up to their account, to the octet") {
  std::mt19937_64 random(test_seed());
  auto options = with_room();
  options.relay.relay_threads = 4;
  BrokerRelay relay(options);
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 12; ++i) {
    CallOptions plan;
    plan.name = "client-" + std::to_string(i);
    plan.transport = all_transports.at(static_cast<std::size_t>(i) % all_transports.size());
    plan.channel = i % 3 != 0;
    calls.push_back(std::make_unique<Call>(relay, plan));
  }
  for (int round = 0; round < rounds(20, 3); ++round)
    for (const auto& call : calls) call->burst(random_sizes(random));
  Relayed sum;
  for (const auto& call : calls) sum += call->seen();
  check_account(relay, sum);
  // None is released: the server's end writes their records.
  check_books(relay, sum);
  for (const auto& record : relay.records()) CHECK(record.at("reason") == "shutdown");
  CHECK(relay.records().size() == calls.size());
}
