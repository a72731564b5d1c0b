#include "broker_relay.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <stdexcept>

namespace turntest {

std::string BrokerRelay::acme(std::string_view volume, std::string_view more,
                              std::string_view media) {
  std::string text = "[csp.acme]\nsecret = \"" + std::string(acme_secret) + "\"\n[csp.acme.quota.";
  text.append(media).append("]\nvolume = \"").append(volume).append("\"\nperiod = \"total\"\n");
  return text.append(more).append("\n");
}

BrokerRelay::BrokerRelay(BrokerRelayOptions options) : options_(std::move(options)) {
  write_config(options_.csp_toml);
  RelayOptions relay = options_.relay;
  relay.secret.clear();
  relay.arguments.push_back("--plugin=" LIBTURNBROKER);
  relay.arguments.push_back("--plugin-config=" + config_file().string());
  relay_ = std::make_unique<RelayProcess>(std::move(relay));
}

void BrokerRelay::write_config(std::string_view csp_toml) const {
  std::string text = "[broker]\nrealm = \"" + options_.relay.realm +
                     "\"\nsecret = \"broker-secret-0123456789\"\nstate_dir = \"" +
                     state_dir().string() + "\"\n" + options_.broker_toml + "\n";
  text.append(csp_toml);
  directory_.write("turnbroker.toml", text);
}

ClientOptions BrokerRelay::client(TransportKind transport, int family, std::string_view client,
                                  std::string_view media) const {
  ClientOptions options = relay_->client_options(transport, family);
  options.credentials =
      rest_credentials(acme_secret, "acme/" + std::string(media) + "/" + std::string(client));
  return options;
}

void BrokerRelay::write_csps(std::string_view csp_toml) { write_config(csp_toml); }

RunResult BrokerRelay::ctl_raw(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"--socket", (state_dir() / "control.sock").string()});
  ChildOptions options;
  options.program = TURNBROKERCTL;
  options.arguments = std::move(arguments);
  return run_to_end(options);
}

nlohmann::json BrokerRelay::ctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--json");
  const auto result = ctl_raw(std::move(arguments));
  if (result.exit.status != 0 || result.exit.signal != 0)
    throw std::runtime_error("turnbrokerctl failed: " + result.output);
  return nlohmann::json::parse(result.output);
}

Usage BrokerRelay::usage(std::string_view csp, std::string_view media) {
  const auto answer = ctl({"usage"});
  for (const auto& row : answer.at("accounts")) {
    if (row.at("csp") != csp || row.at("media") != media) continue;
    return {row.at("used_octets"),           row.at("limit_octets"),
            row.at("client_to_peer_octets"), row.at("peer_to_client_octets"),
            row.at("allocations"),           row.at("exhausted")};
  }
  throw std::runtime_error("no such account in " + answer.dump());
}

std::vector<nlohmann::json> BrokerRelay::records() const {
  std::vector<nlohmann::json> records;
  std::ifstream file(state_dir() / "usage.jsonl");
  // A line without its end is still being written.
  for (std::string line; std::getline(file, line) && !file.eof();)
    if (!line.empty()) records.push_back(nlohmann::json::parse(line));
  return records;
}

Usage BrokerRelay::recorded() const {
  Usage sum;
  for (const auto& record : records()) {
    sum.client_to_peer_octets += record.at("client_to_peer_octets").get<std::uint64_t>();
    sum.peer_to_client_octets += record.at("peer_to_client_octets").get<std::uint64_t>();
    ++sum.allocations;
  }
  sum.used_octets = sum.client_to_peer_octets + sum.peer_to_client_octets;
  return sum;
}

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("TURNBROKER_SEED");
    const std::uint64_t value =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "seed: " << value << " (repeat with TURNBROKER_SEED=" << value << ")\n";
    return value;
  }();
  return seed;
}

}  // namespace turntest
