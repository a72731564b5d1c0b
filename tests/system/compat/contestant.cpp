#include "contestant.h"

#include <csignal>
#include <stdexcept>

#include "coturn_tool.h"
#include "support/wait_until.h"

namespace compat {

using namespace turntest;

namespace {

/// Whether the process has a handler for the signal.
bool catches(pid_t pid, int signal) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const std::string name = "SigCgt:\t";
  const std::size_t at = status.find(name);
  if (at == std::string::npos) return false;
  return ((std::stoull(status.substr(at + name.size(), 16), nullptr, 16) >> (signal - 1)) & 1) != 0;
}

}  // namespace

std::string to_string(Contestant contestant) {
  switch (contestant) {
    case Contestant::unpatched: return "unpatched";
    case Contestant::patched: return "patched";
    case Contestant::with_plugin: return "with plugin";
  }
  return "";
}

std::filesystem::path binary_of(Contestant contestant) {
  return contestant == Contestant::unpatched
             ? std::filesystem::path(COTURN_UNPATCHED_DIR) / "turnserver"
             : std::filesystem::path(TURNSERVER_FOR_TESTS);
}

Server::Server(Contestant contestant, const ServerOptions& options) : contestant_(contestant) {
  RelayOptions relay;
  relay.binary = binary_of(contestant);
  relay.config = options.config;
  relay.arguments = options.arguments;
  relay.relay_threads = options.relay_threads;
  relay.realm = options.realm;
  relay.secret.clear();
  relay.environment = lenient_server();
  if (contestant != Contestant::with_plugin) {
    relay_ = std::make_unique<RelayProcess>(std::move(relay));
    // The relay threads answer before the main thread is through with its part, which ends with this.
    const auto ready = [&] { return catches(relay_->process().pid(), SIGUSR2); };
    if (!wait_until(Milliseconds(10000), ready))
      throw std::runtime_error("the server " + to_string(contestant) + " does not get ready");
    return;
  }
  BrokerRelayOptions broker;
  broker.relay = std::move(relay);
  const std::string id(csp);
  broker.broker_toml = "default_csp = \"" + id + "\"";
  broker.csp_toml = "[csp." + id + ".quota.data]\nvolume = \"1 TB\"\nperiod = \"total\"\n";
  broker_ = std::make_unique<BrokerRelay>(std::move(broker));
}

std::string Server::last_words() {
  constexpr std::size_t octets_max = 8192;
  const std::string output = relay().output();
  return output.size() <= octets_max ? output : output.substr(output.size() - octets_max);
}

BrokerRelay& Server::broker() {
  if (!broker_) throw std::logic_error("the server " + to_string(contestant_) + " has no broker");
  return *broker_;
}

std::vector<std::unique_ptr<Server>> start_all(const ServerOptions& options) {
  std::vector<std::unique_ptr<Server>> servers;
  for (const Contestant contestant : contestants)
    servers.push_back(std::make_unique<Server>(contestant, options));
  return servers;
}

}  // namespace compat
