// A turnserver on loopback, started for one test: own temporary directory, own ports, own
// certificate, IPv4 and IPv6, UDP, TCP, TLS and DTLS. The constructor returns when the relay
// answers.
//
// Owner: the test; the relay is killed when its owner goes. Threads: one at a time; start it from a
// thread that outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/child_process.h"
#include "support/credentials.h"
#include "support/ports.h"
#include "support/temp_dir.h"
#include "support/transport.h"
#include "support/turn_client.h"

namespace turntest {

struct RelayOptions {
  std::filesystem::path binary = TURNSERVER_FOR_TESTS;
  std::vector<std::string> arguments;  ///< added to ours
  std::string config;                  ///< lines of turnserver.conf
  int relay_threads = 1;
  /// use-auth-secret with this; empty: no credential option is given.
  std::string secret = "test-secret";
  std::string realm = "relay.test";
  /// The IPv4 address it listens on and relays from; empty: both of loopback.
  std::string host{};
  std::map<std::string, std::string> environment;
  /// A program and its options to run the relay under: {"/usr/bin/valgrind", "--tool=callgrind"}.
  std::vector<std::string> wrapper;
  /// The relay counts as started when these answer Binding over IPv4 and, on loopback, IPv6.
  std::vector<TransportKind> awaited{TransportKind::udp, TransportKind::tcp};
  Milliseconds start_timeout{15000};
};

class RelayProcess {
 public:
  /// Throws std::runtime_error with the relay's output when it does not answer in time.
  explicit RelayProcess(RelayOptions options = {});

  [[nodiscard]] Address address(TransportKind transport, int family = 4) const;
  /// What a TurnClient needs to use this relay as `user`.
  [[nodiscard]] ClientOptions client_options(TransportKind transport = TransportKind::udp,
                                             int family = 4, std::string_view user = "alice") const;

  [[nodiscard]] ChildProcess& process() { return *process_; }
  [[nodiscard]] const TempDir& directory() const { return directory_; }
  [[nodiscard]] const RelayOptions& options() const { return options_; }
  [[nodiscard]] std::string output() const { return earlier_output_ + process_->output(); }
  bool wait_output(std::string_view text, Milliseconds timeout) {
    return process_->wait_output(text, timeout);
  }
  void kill() { process_->kill(); }
  ExitStatus stop() { return process_->stop(); }
  /// Ends it if it runs (SIGKILL), starts it anew on the same ports, and waits until it answers.
  void restart();
  /// The whole command line, for run_to_end of a relay that is meant to refuse to start.
  [[nodiscard]] ChildOptions command() const;

 private:
  void start();
  /// False when the relay ended or the deadline passed.
  bool wait_answers(TimePoint deadline);

  RelayOptions options_;
  TempDir directory_;
  PortLease port_, tls_port_;
  std::unique_ptr<ChildProcess> process_;
  std::string earlier_output_;
};

/// Runs a relay that is expected to refuse to start: its output and status. Throws when it keeps
/// running.
[[nodiscard]] RunResult run_refusing_relay(RelayOptions options,
                                           Milliseconds timeout = Milliseconds(15000));

}  // namespace turntest
