// What relays of a fleet tell each other through Redis publish/subscribe. Messages may be lost or come
// twice: nothing that must hold depends on one.
//
//   turnbroker:recall   {"v":1,"csp","media","period_start_s","client"}: another relay lacks octets of
//                       this account; give back what is not needed
//   turnbroker:recall-places  alike, of allocation places; they are of all periods and clients
//   turnbroker:exhausted  alike: nothing is left of this account; ask the ledger
//   turnbroker:control  {"v":1,"do":"cut","allocation"?,"csp"?,"client"?}, {"v":1,"do":"revoked"} (the
//                       ledger has new revocations), {"v":1,"do":"reload"}
//   turnbroker:usage    {"v":1,"relay","at_ms","accounts":[…],"allocations":[…]}, periodically
//   turnbroker:cuts     {"v":1,"relay","at_ms","allocation","csp","media","client","reason",…}
//
// Each message is at most fleet_message_octets_max; what is longer, of another version or damaged is
// dropped and logged.
// Owner: the broker. Threads: the broker thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/result.h"
#include "host.h"
#include "redis/client.h"

namespace plugin {

inline constexpr std::size_t fleet_message_octets_max = 65'536;

/// What the control channel asks of every relay.
struct FleetCommand {
  enum class What : std::uint8_t { cut, revoked, reload };
  What what = What::reload;
  std::string allocation;  ///< cut: its id, or
  std::string csp;         ///< all of a CSP's, or
  std::string client;      ///< all of a client name's (within csp when given)
  friend bool operator==(const FleetCommand&, const FleetCommand&) = default;
};

/// What the text of a message says; the error says what is wrong with it.
[[nodiscard]] broker::Result<FleetCommand> parse_fleet_command(std::string_view text);
[[nodiscard]] broker::Result<broker::AccountKey> parse_account(std::string_view text);

class FleetBus {
 public:
  /// Subscribes. Both borrowed.
  FleetBus(redis::Client& client, const Host& host);

  void on_recall(std::function<void(const broker::AccountKey&)> handler) {
    recall_ = std::move(handler);
  }
  void on_recall_places(std::function<void(const broker::AccountKey&)> handler) {
    recall_places_ = std::move(handler);
  }
  void on_exhausted(std::function<void(const broker::AccountKey&)> handler) {
    exhausted_ = std::move(handler);
  }
  void on_control(std::function<void(const FleetCommand&)> handler) {
    control_ = std::move(handler);
  }

  void tell_revoked();
  /// `message` is a JSON object's text. Lost when it is too long or the server is away.
  void publish(const std::string& channel, const std::string& message);

 private:
  void take(const std::string& channel, const std::string& payload);

  redis::Client& client_;
  const Host& host_;
  std::function<void(const broker::AccountKey&)> recall_ = [](const auto&) {};
  std::function<void(const broker::AccountKey&)> recall_places_ = [](const auto&) {};
  std::function<void(const broker::AccountKey&)> exhausted_ = [](const auto&) {};
  std::function<void(const FleetCommand&)> control_ = [](const auto&) {};
};

}  // namespace plugin
