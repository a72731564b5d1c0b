#include "exact/call.h"

#include <catch2/catch.hpp>
#include <utility>

namespace exact {

using namespace turntest;

namespace {

constexpr std::size_t payload_octets_max = 65'535;
constexpr int capture_buffer_octets = 4 << 20;

int family_of_peer(const CallOptions& options) {
  return options.peer_family != 0 ? options.peer_family : options.family;
}

}  // namespace

Call::Call(BrokerRelay& relay, CallOptions options)
    : relay_(relay),
      options_(std::move(options)),
      peer_(UdpPeer::Mode::sink, Address::loopback(family_of_peer(options_))),
      capture_({peer_.address().port}, capture_buffer_octets),
      client_(relay.client(options_.transport, options_.family, options_.name)),
      payload_(payload_octets_max, 0xA5) {
  AllocateOptions allocate;
  allocate.family = family_of_peer(options_);
  REQUIRE(client_.allocate(allocate));
  if (options_.channel)
    REQUIRE(client_.bind_channel(channel_number, peer_.address()));
  else
    REQUIRE(client_.create_permission(peer_.address()));
  client_.on_data([](const ReceivedData&) {});
}

bool Call::send(ByteView payload) {
  return options_.channel ? client_.send_channel(channel_number, payload)
                          : client_.send_indication(peer_.address(), payload);
}

void Call::exchange(std::span<const std::size_t> sizes) {
  for (const std::size_t size : sizes) burst({&size, 1});
}

void Call::burst(std::span<const std::size_t> sizes) {
  REQUIRE(sizes.size() <= burst_packets_max);
  const std::uint64_t at_peer = peer_.received().packets + sizes.size();
  for (const std::size_t size : sizes) REQUIRE(send(ByteView(payload_).first(size)));
  REQUIRE(peer_.wait_received_packets(at_peer, patience));
  const std::uint64_t at_client = client_.received().packets + sizes.size();
  for (const std::size_t size : sizes)
    REQUIRE(peer_.send(client_.relayed_address(), ByteView(payload_).first(size)));
  REQUIRE(client_.wait_received_packets(at_client, patience));
}

void Call::repeat_requests() {
  REQUIRE(client_.create_permission(peer_.address()));
  if (options_.channel) REQUIRE(client_.bind_channel(channel_number, peer_.address()));
  REQUIRE(client_.refresh(600));
}

void Call::settle_client_to_peer() {
  // The relay reads the client's socket in order: an answer to what was asked later tells that all
  // before it has been dealt with.
  REQUIRE(client_.refresh(600));
  REQUIRE(peer_.settle());
}

Relayed Call::seen() {
  REQUIRE(peer_.settle());
  capture_.drain();
  const Relayed ends{peer_.received_from(client_.relayed_address()), client_.received()};
  CHECK(captured(capture_, client_.relayed_address(), peer_.address()) == ends);
  CHECK(capture_.drops() == 0);
  CHECK(peer_.kernel_drops() == 0);
  CHECK(client_.kernel_drops() == 0);
  CHECK(client_.bad_frames() == 0);
  return ends;
}

Relayed Call::release() {
  const Relayed ends = seen();
  CHECK(relayed_of(live_row(relay_, options_.name)) == ends);
  REQUIRE(client_.refresh(0));
  return ends;
}

Relayed Call::finish() {
  const Relayed ends = release();
  const auto record = record_of(relay_, options_.name);
  CHECK(relayed_of(record) == ends);
  CHECK(record.at("reason") == "released");
  CHECK(record.at("transport") == to_string(options_.transport));
  return ends;
}

}  // namespace exact
