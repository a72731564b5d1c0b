// The requests of TURN, each as the RFC that defines it describes.
#include <algorithm>

#include "support/stun_wire.h"
#include "support/turn_client.h"

namespace turntest {
namespace {

constexpr std::uint8_t protocol_tcp = 6, protocol_udp = 17;

void add_family(StunBuilder& builder, std::uint16_t type, int family) {
  builder.add_u32(type, (family == 6 ? 2U : 1U) << 24);
}

void add_allocate_attributes(StunBuilder& builder, const AllocateOptions& options) {
  builder.add_u32(attribute::requested_transport,
                  std::uint32_t{options.tcp ? protocol_tcp : protocol_udp} << 24);
  if (options.lifetime_s) builder.add_u32(attribute::lifetime, *options.lifetime_s);
  if (options.family != 0) add_family(builder, attribute::requested_address_family, options.family);
  if (options.both_families) {
    add_family(builder, attribute::additional_address_family, 6);
    add_family(builder, attribute::additional_address_family_draft, 6);
  }
  if (options.even_port || options.reserve_next_port) {
    const std::uint8_t flags = options.reserve_next_port ? 0x80 : 0;
    builder.add(attribute::even_port, ByteView(&flags, 1));
  }
  if (options.dont_fragment) builder.add(attribute::dont_fragment, ByteView());
  if (options.mobility) builder.add(attribute::mobility_ticket, ByteView());
  if (!options.reservation_token.empty())
    builder.add(attribute::reservation_token, options.reservation_token);
}

Bytes copy_of(const std::optional<ByteView>& octets) {
  return octets ? Bytes(octets->begin(), octets->end()) : Bytes();
}

}  // namespace

Outcome TurnClient::binding() {
  return request(
      {StunMethod::binding, nullptr}, [this](const Outcome& outcome, const StunMessage* response) {
        if (outcome.ok())
          mapped_ = response->xor_address(attribute::xor_mapped_address).value_or(Address{});
      });
}

void TurnClient::start_allocate(const AllocateOptions& options, Done done) {
  const auto body = [options](StunBuilder& builder) { add_allocate_attributes(builder, options); };
  start_request(
      {StunMethod::allocate, body},
      [this, done = std::move(done)](const Outcome& outcome, const StunMessage* response) {
        if (outcome.ok()) {
          const auto address = [&](std::uint16_t type, std::size_t index) {
            return response->xor_address(type, index).value_or(Address{});
          };
          mapped_ = address(attribute::xor_mapped_address, 0);
          relayed_ = address(attribute::xor_relayed_address, 0);
          second_relayed_ = address(attribute::xor_relayed_address, 1);
          lifetime_s_ = response->u32(attribute::lifetime).value_or(0);
          ticket_ = copy_of(response->find(attribute::mobility_ticket));
          reservation_ = copy_of(response->find(attribute::reservation_token));
        }
        done(outcome);
      });
}

Outcome TurnClient::allocate(const AllocateOptions& options) {
  return run([&](Done done) { start_allocate(options, std::move(done)); });
}

void TurnClient::start_refresh_request(Request request, Done done) {
  start_request(std::move(request), [this, done = std::move(done)](const Outcome& outcome,
                                                                   const StunMessage* response) {
    if (outcome.ok()) {
      lifetime_s_ = response->u32(attribute::lifetime).value_or(0);
      if (const auto ticket = response->find(attribute::mobility_ticket)) ticket_ = copy_of(ticket);
    }
    done(outcome);
  });
}

void TurnClient::start_refresh(std::uint32_t lifetime_s, Done done) {
  const auto body = [lifetime_s](StunBuilder& builder) {
    builder.add_u32(attribute::lifetime, lifetime_s);
  };
  start_refresh_request({StunMethod::refresh, body}, std::move(done));
}

Outcome TurnClient::refresh(std::uint32_t lifetime_s) {
  return run([&](Done done) { start_refresh(lifetime_s, std::move(done)); });
}

Outcome TurnClient::refresh_with_ticket(const Bytes& ticket, std::uint32_t lifetime_s) {
  const auto body = [ticket, lifetime_s](StunBuilder& builder) {
    builder.add_u32(attribute::lifetime, lifetime_s).add(attribute::mobility_ticket, ticket);
  };
  return run([&](Done done) {
    start_refresh_request({StunMethod::refresh, body}, std::move(done));
  });
}

void TurnClient::start_create_permission(const Address& peer, Done done) {
  const auto body = [peer](StunBuilder& builder) {
    builder.add_xor_address(attribute::xor_peer_address, peer);
  };
  start_request(
      {StunMethod::create_permission, body},
      [done = std::move(done)](const Outcome& outcome, const StunMessage*) { done(outcome); });
}

Outcome TurnClient::create_permission(const Address& peer) {
  return run([&](Done done) { start_create_permission(peer, std::move(done)); });
}

Outcome TurnClient::create_permissions(const std::vector<Address>& peers) {
  const auto body = [peers](StunBuilder& builder) {
    for (const Address& peer : peers) builder.add_xor_address(attribute::xor_peer_address, peer);
  };
  return request({StunMethod::create_permission, body});
}

void TurnClient::start_bind_channel(std::uint16_t channel, const Address& peer, Done done) {
  const auto body = [channel, peer](StunBuilder& builder) {
    builder.add_u32(attribute::channel_number, std::uint32_t{channel} << 16)
        .add_xor_address(attribute::xor_peer_address, peer);
  };
  start_request({StunMethod::channel_bind, body}, [this, channel, peer, done = std::move(done)](
                                                      const Outcome& outcome, const StunMessage*) {
    if (outcome.ok() && peer_of(channel).family == 0) channels_.emplace_back(channel, peer);
    done(outcome);
  });
}

Outcome TurnClient::bind_channel(std::uint16_t channel, const Address& peer) {
  return run([&](Done done) { start_bind_channel(channel, peer, std::move(done)); });
}

Outcome TurnClient::connect_peer(const Address& peer, std::uint32_t& connection_id) {
  const auto body = [peer](StunBuilder& builder) {
    builder.add_xor_address(attribute::xor_peer_address, peer);
  };
  return request({StunMethod::connect, body},
                 [&connection_id](const Outcome& outcome, const StunMessage* response) {
                   if (outcome.ok())
                     connection_id = response->u32(attribute::connection_id).value_or(0);
                 });
}

}  // namespace turntest
