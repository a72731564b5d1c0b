// What turnload is asked to do.
// Owner: main; constant afterwards. Threads: any.
#pragma once

#include <optional>
#include <string>

#include "support/address.h"
#include "support/credentials.h"
#include "support/transport.h"
#include "support/turn_client.h"

namespace turnload {

enum class Direction : std::uint8_t { client_to_peer, peer_to_client, both, echo };
enum class DataMode : std::uint8_t { channel, indication };
enum class Job : std::uint8_t { traffic, cycles, hold };

struct Options {
  Job job = Job::traffic;
  turntest::Address server;
  turntest::TransportKind transport = turntest::TransportKind::udp;
  std::string user = "load-{}";  ///< {} is the allocation's number
  std::string password;
  std::string user_secret;  ///< makes TURN REST credentials of `user`
  std::int64_t ttl_s = 3600;
  std::optional<turntest::Address> local;  ///< where clients bind; port 0
  std::optional<turntest::Address> peer;   ///< where peers bind; port 0
  bool ipv6 = false;                       ///< IPv6 relayed addresses and peers

  std::size_t allocations = 1;
  std::size_t threads = 1;
  std::size_t payload_min_octets = 1200;
  std::size_t payload_max_octets = 1200;
  double rate = 1000;  ///< packets per second, all allocations and directions together; 0 floods
  std::size_t window_packets = 32;  ///< of a flood: in flight per allocation and direction
  bool mixed_rates = false;
  double seconds = 10;  ///< of sending, warm-up included; 0 with until_cut: no limit
  double warmup_s = 0;
  std::uint64_t octets_max = 0;  ///< payload to send, both directions together; 0: no limit
  Direction direction = Direction::both;
  DataMode mode = DataMode::channel;
  bool until_cut = false;
  std::int64_t silence_ms =
      200;  ///< without data this long, an allocation is asked whether it lives
  std::uint64_t seed = 1;
  bool json = false;
  bool progress = false;

  /// Of allocation number `index`.
  [[nodiscard]] turntest::Credentials credentials(std::size_t index) const;
  [[nodiscard]] turntest::ClientOptions client_options(std::size_t index) const;
  /// Where a peer binds.
  [[nodiscard]] turntest::Address peer_address() const;
  [[nodiscard]] bool sends_to_peer() const { return direction != Direction::peer_to_client; }
  [[nodiscard]] bool sends_to_client() const {
    return direction == Direction::both || direction == Direction::peer_to_client;
  }
};

[[nodiscard]] std::string_view to_string(Direction direction);
[[nodiscard]] std::string_view to_string(DataMode mode);

/// Reads the command line; prints help or what is wrong, and exits (0 or 2), when there is nothing
/// to run.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace turnload
