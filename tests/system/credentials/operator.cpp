#include "credentials/operator.h"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <utility>

namespace credentials_test {

using namespace turntest;
using nlohmann::json;

BrokerRelayOptions options_with(std::string csps, std::string broker,
                                std::vector<std::string> arguments) {
  BrokerRelayOptions options;
  options.csp_toml = std::move(csps);
  options.broker_toml = std::move(broker);
  options.relay.arguments = std::move(arguments);
  return options;
}

std::string csp(std::string_view id, std::string_view volume, std::string_view more,
                std::string_view secret, std::string_view media) {
  std::string text = "[csp." + std::string(id) + "]\n";
  if (!secret.empty()) text.append("secret = \"").append(secret).append("\"\n");
  text.append("[csp.").append(id).append(".quota.").append(media).append("]\nvolume = \"");
  text.append(volume).append("\"\nperiod = \"total\"\n").append(more).append("\n");
  return text;
}

ClientOptions as(BrokerRelay& relay, const Credentials& credentials, TransportKind transport) {
  ClientOptions options = relay.relay().client_options(transport);
  options.credentials = credentials;
  return options;
}

Outcome try_allocate(BrokerRelay& relay, const Credentials& credentials) {
  return TurnClient(as(relay, credentials)).allocate();
}

Issued issue(BrokerRelay& relay, std::string_view csp_id, std::string_view media,
             std::string_view client, std::string_view ttl) {
  const json answer =
      relay.ctl({"credentials", "--csp", std::string(csp_id), "--media", std::string(media),
                 "--client", std::string(client), "--ttl", std::string(ttl)});
  const std::string username = answer.at("username");
  return {{username, answer.at("password")},
          answer.at("client_id"),
          username.substr(username.find(':') + 1)};
}

json record_of(const BrokerRelay& relay, std::string_view client) {
  std::vector<json> found;
  wait_until(patience, [&] {
    found.clear();
    for (auto& record : relay.records())
      if (record.at("client") == client) found.push_back(std::move(record));
    return !found.empty();
  });
  if (found.size() != 1)
    throw std::runtime_error(std::to_string(found.size()) + " usage records of " +
                             std::string(client));
  return found.front();
}

std::optional<json> live_row(BrokerRelay& relay, std::string_view client) {
  const json answer = relay.ctl({"allocations"});
  for (const auto& row : answer.at("allocations"))
    if (row.at("client") == client) return row;
  return std::nullopt;
}

Talk::Talk(const ClientOptions& options, const AllocateOptions& allocate) : client(options) {
  REQUIRE(client.allocate(allocate));
  REQUIRE(client.bind_channel(channel, peer.address()));
}

bool Talk::send(std::size_t octets, Milliseconds timeout) {
  const auto before = peer.received().packets;
  return client.send_channel(channel, Bytes(octets, 0x5a)) &&
         peer.wait_received_packets(before + 1, timeout);
}

bool Talk::wait_silent(Milliseconds timeout) {
  return wait_until(timeout, [&] { return !send(1, Milliseconds(50)); });
}

}  // namespace credentials_test
