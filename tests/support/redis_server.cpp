#include "support/redis_server.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "support/wait_until.h"

namespace turntest {

namespace {

constexpr Milliseconds start_timeout{20'000};

}  // namespace

RedisServer::RedisServer(RedisOptions options) : options_(std::move(options)) {
  if (options_.tls)
    certificate_ = options_.certificate.key.empty() ? make_certificate(directory_.path())
                                                    : options_.certificate;
  start();
}

void RedisServer::start() {
  const std::string port_text = std::to_string(port());
  std::vector<std::string> arguments{"--port",
                                     options_.tls ? "0" : port_text,
                                     "--bind",
                                     "127.0.0.1",
                                     "--unixsocket",
                                     socket(),
                                     "--dir",
                                     directory_.path().string(),
                                     "--save",
                                     "",
                                     "--appendonly",
                                     "no",
                                     "--enable-debug-command",
                                     "yes",
                                     "--repl-diskless-sync-delay",
                                     "0"};
  const auto add = [&](std::initializer_list<std::string> more) {
    arguments.insert(arguments.end(), more);
  };
  if (options_.tls)
    add({"--tls-port", port_text, "--tls-cert-file", certificate_.certificate.string(),
         "--tls-key-file", certificate_.key.string(), "--tls-ca-cert-file",
         certificate_.certificate.string(), "--tls-auth-clients", "optional"});
  if (options_.cluster)
    add({"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port",
         std::to_string(bus_port())});
  if (options_.tls) add({"--tls-cluster", "yes", "--tls-replication", "yes"});
  if (!options_.password.empty())
    add({"--requirepass", options_.password, "--masterauth", options_.password});
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  process_ = std::make_unique<ChildProcess>(ChildOptions{
      .program = redis_program(), .arguments = std::move(arguments), .environment = {}});
  bool answers = false;
  wait_until(start_timeout, [&] {
    answers = cli({"PING"}).starts_with("PONG");
    return answers || !process_->running();
  });
  if (!answers) throw std::runtime_error("redis-server does not answer: " + process_->output());
}

std::string RedisServer::cli(const std::vector<std::string>& command) const {
  std::vector<std::string> arguments{"-s", socket()};
  if (!options_.password.empty())
    arguments.insert(arguments.end(), {"--no-auth-warning", "-a", options_.password});
  arguments.insert(arguments.end(), command.begin(), command.end());
  return run_to_end({.program = "/usr/bin/redis-cli",
                     .arguments = std::move(arguments),
                     .environment = {}})
      .output;
}

std::string redis_program() {
  const char* named = std::getenv("TURNBROKER_TEST_REDIS");
  return named != nullptr && *named != '\0' ? named : "/usr/bin/redis-server";
}

std::string info_field(const RedisServer& server, const std::string& name) {
  const std::string info = server.cli({"INFO"});
  std::size_t at = info.find('\n' + name + ':');
  if (at == std::string::npos) return {};
  at += name.size() + 2;
  return info.substr(at, info.find_first_of("\r\n", at) - at);
}

}  // namespace turntest
