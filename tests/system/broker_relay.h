// A patched turnserver with the plugin, on loopback, in a directory of its own: what a system test
// starts, asks and kills.
// Owner: the test. Threads: one at a time.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/relay_process.h"

namespace turntest {

/// The sum over a usage row or over records.
struct Usage {
  std::uint64_t used_octets = 0;  ///< the part that is charged
  std::uint64_t limit_octets = 0;
  std::uint64_t client_to_peer_octets = 0;
  std::uint64_t peer_to_client_octets = 0;
  std::uint64_t allocations = 0;
  bool exhausted = false;
};

struct BrokerRelayOptions {
  RelayOptions relay;       ///< its `secret` is left empty: the plugin knows the credentials
  std::string broker_toml;  ///< more lines of the [broker] table
  std::string csp_toml;     ///< [csp.*] tables
};

class BrokerRelay {
 public:
  /// Of one CSP, "acme", whose secret is acme_secret, with one quota.
  static constexpr std::string_view acme_secret = "acme-secret-0123456789";
  [[nodiscard]] static std::string acme(std::string_view volume, std::string_view more = "",
                                        std::string_view media = "data");

  /// Throws with the relay's output when it does not start.
  explicit BrokerRelay(BrokerRelayOptions options);

  [[nodiscard]] RelayProcess& relay() { return *relay_; }
  /// As user acme/<media>/<client> with a password minted from acme_secret.
  [[nodiscard]] ClientOptions client(TransportKind transport = TransportKind::udp, int family = 4,
                                     std::string_view client = "alice",
                                     std::string_view media = "data") const;

  /// More lines of the [broker] table, with the next write_csps().
  void set_broker_toml(std::string text) { options_.broker_toml = std::move(text); }
  /// Replaces the [csp.*] tables in the file; the relay reloads by itself.
  void write_csps(std::string_view csp_toml);
  /// `turnbrokerctl --json ARGUMENTS`. Throws with its output when it fails.
  [[nodiscard]] nlohmann::json ctl(std::vector<std::string> arguments);
  [[nodiscard]] RunResult ctl_raw(std::vector<std::string> arguments) const;
  /// The account's row. Throws when there is none.
  [[nodiscard]] Usage usage(std::string_view csp = "acme", std::string_view media = "data");
  /// All usage records so far, oldest first.
  [[nodiscard]] std::vector<nlohmann::json> records() const;
  /// The octets of all records, by direction.
  [[nodiscard]] Usage recorded() const;

  [[nodiscard]] std::filesystem::path state_dir() const { return directory_ / "state"; }
  [[nodiscard]] std::filesystem::path config_file() const { return directory_ / "turnbroker.toml"; }

 private:
  void write_config(std::string_view csp_toml) const;

  TempDir directory_;
  BrokerRelayOptions options_;
  std::unique_ptr<RelayProcess> relay_;
};

/// `full` in full-scale builds, else `reduced`: rounds of a test that a sanitizer makes slow.
[[nodiscard]] constexpr int rounds(int full, int reduced) {
  return TURNBROKER_TEST_SCALE_FULL != 0 ? full : reduced;
}

/// The seed of this run: $TURNBROKER_SEED, or random; printed once either way.
[[nodiscard]] std::uint64_t test_seed();

}  // namespace turntest
