// A redis-server that a test starts: on a Unix socket and on a port of the system's choice, empty, in a
// directory of its own, nothing saved. Owner: the test; it ends with its object. Threads: one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/certificate.h"
#include "support/child_process.h"
#include "support/ports.h"
#include "support/temp_dir.h"

namespace turntest {

struct RedisOptions {
  bool tls = false;                ///< the port speaks TLS, with the certificate of CN relay.test
  CertificateFiles certificate{};  ///< with that one when it is given, else with one of its own
  bool cluster = false;            ///< a node of a cluster without slots yet
  std::string password{};          ///< of the default user, when there is one
  std::vector<std::string> arguments{};  ///< more of redis-server's
};

class RedisServer {
 public:
  /// Waits until it answers PING. Throws std::runtime_error with its output when it does not.
  explicit RedisServer(RedisOptions options = {});

  [[nodiscard]] std::uint16_t port() const { return port_.port(); }
  [[nodiscard]] std::uint16_t bus_port() const { return bus_port_.port(); }
  /// "127.0.0.1:PORT", as the client names it.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] std::string socket() const { return (directory_ / "redis.sock").string(); }
  [[nodiscard]] const CertificateFiles& certificate() const { return certificate_; }

  /// What redis-cli prints for a command, on the Unix socket and as the default user.
  [[nodiscard]] std::string cli(const std::vector<std::string>& command) const;
  [[nodiscard]] ChildProcess& process() { return *process_; }
  void kill() { process_->kill(); }
  /// On the same port again with another run id; empty, or with what its append-only file holds.
  void start();

 private:
  RedisOptions options_;
  TempDir directory_;
  PortLease port_;
  PortLease bus_port_;  ///< of a cluster: the one that it would choose may be anybody's
  CertificateFiles certificate_;
  std::unique_ptr<ChildProcess> process_;
};

/// Debian's redis-server, or what the environment's TURNBROKER_TEST_REDIS names: a Valkey, say. As a sentinel,
/// too.
[[nodiscard]] std::string redis_program();

/// "run_id" and the like of INFO.
[[nodiscard]] std::string info_field(const RedisServer& server, const std::string& name);

}  // namespace turntest
