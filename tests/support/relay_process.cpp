#include "support/relay_process.h"

#include <stdexcept>

#include "support/certificate.h"
#include "support/wait_until.h"

namespace turntest {
namespace {

constexpr int starts_max = 3;

ChildOptions make_command(const RelayOptions& options, const std::filesystem::path& directory,
                          std::uint16_t port, std::uint16_t tls_port) {
  const auto in_directory = [&](std::string_view name) { return (directory / name).string(); };
  ChildOptions command;
  command.program = options.binary;
  command.directory = directory;
  command.environment = options.environment;
  // The unpatched server relays TCP and speaks DTLS anyway, and takes both options.
  command.arguments = {"-c",
                       in_directory("turnserver.conf"),
                       "-p",
                       std::to_string(port),
                       "--tls-listening-port",
                       std::to_string(tls_port),
                       "-m",
                       std::to_string(options.relay_threads),
                       "--realm",
                       options.realm,
                       "--cert",
                       in_directory("cert.pem"),
                       "--pkey",
                       in_directory("key.pem"),
                       "--userdb",
                       in_directory("turndb"),
                       "--pidfile",
                       in_directory("pid"),
                       "--log-file",
                       "stdout",
                       "--no-cli",
                       "--no-rfc5780",
                       "--no-tcp-relay=0",
                       "--no-dtls=0",
                       "--allow-loopback-peers"};
  const auto hosts = options.host.empty() ? std::vector<std::string>{"127.0.0.1", "::1"}
                                          : std::vector<std::string>{options.host};
  for (const std::string& host : hosts)
    command.arguments.insert(command.arguments.end(), {"-L", host, "-E", host});
  if (!options.secret.empty()) {
    command.arguments.insert(command.arguments.end(),
                             {"--use-auth-secret", "--static-auth-secret", options.secret});
  }
  command.arguments.insert(command.arguments.end(), options.arguments.begin(),
                           options.arguments.end());
  if (!options.wrapper.empty()) {
    command.arguments.insert(command.arguments.begin(), options.binary.string());
    command.arguments.insert(command.arguments.begin(), options.wrapper.begin() + 1,
                             options.wrapper.end());
    command.program = options.wrapper.front();
  }
  return command;
}

void fill_directory(const RelayOptions& options, const TempDir& directory) {
  (void)make_certificate(directory.path());
  directory.write("turnserver.conf", options.config + "\n");
}

}  // namespace

RelayProcess::RelayProcess(RelayOptions options) : options_(std::move(options)) {
  fill_directory(options_, directory_);
  start();
}

ChildOptions RelayProcess::command() const {
  return make_command(options_, directory_.path(), port_.port(), tls_port_.port());
}

Address RelayProcess::address(TransportKind transport, int family) const {
  const bool secure = transport == TransportKind::tls || transport == TransportKind::dtls;
  const std::uint16_t port = secure ? tls_port_.port() : port_.port();
  if (options_.host.empty()) return Address::loopback(family, port);
  return Address::parse(options_.host + ":" + std::to_string(port)).value();
}

ClientOptions RelayProcess::client_options(TransportKind transport, int family,
                                           std::string_view user) const {
  ClientOptions options;
  options.transport = transport;
  options.server = address(transport, family);
  if (!options_.secret.empty()) options.credentials = rest_credentials(options_.secret, user);
  return options;
}

bool RelayProcess::wait_answers(TimePoint deadline) {
  // UDP is served by the relay threads, TCP by the listener: both must be up, for both families.
  for (const TransportKind transport : options_.awaited) {
    for (const int family : {4, 6}) {
      if (family == 6 && !options_.host.empty()) continue;
      ClientOptions options = client_options(transport, family);
      options.timeout = Milliseconds(300);
      options.first_retransmission = Milliseconds(20);
      const auto answers = [&] {
        try {
          return TurnClient(options).binding().ok() || !process_->running();
        } catch (const std::runtime_error&) {
          return !process_->running();
        }
      };
      if (!wait_until(Milliseconds(poll_timeout_ms(deadline)), answers)) return false;
    }
  }
  return process_->running();
}

void RelayProcess::start() {
  const TimePoint deadline = Clock::now() + options_.start_timeout;
  for (int attempt = 1;; ++attempt) {
    process_ = std::make_unique<ChildProcess>(command());
    const bool answers = wait_answers(deadline);
    // Another program may answer on a port that ours could not bind.
    const bool clash = process_->output().find("Cannot bind") != std::string::npos;
    if (answers && !clash) return;
    const std::string output = process_->output();
    process_.reset();
    if (!clash || attempt == starts_max)
      throw std::runtime_error(options_.binary.string() + " does not answer; its output:\n" +
                               output);
    port_ = PortLease();
    tls_port_ = PortLease();
  }
}

void RelayProcess::restart() {
  process_->kill();
  process_->wait_exit(Milliseconds(10000));
  earlier_output_ += process_->output();
  process_.reset();
  start();
}

RunResult run_refusing_relay(RelayOptions options, Milliseconds timeout) {
  const TempDir directory;
  const PortLease port, tls_port;
  fill_directory(options, directory);
  return run_to_end(make_command(options, directory.path(), port.port(), tls_port.port()), timeout);
}

}  // namespace turntest
