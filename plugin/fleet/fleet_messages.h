// What relays of a fleet tell each other through Redis publish/subscribe, as text. Messages may be lost or
// come twice: nothing that must hold depends on one.
//
//   turnbroker:recall   {"v":1,"csp","media","period_start_s","client"}: another relay lacks octets of
//                       this account; give back what is not needed
//   turnbroker:recall-places  alike, of allocation places; they are of all periods and clients
//   turnbroker:exhausted  alike: nothing is left of this account; ask the ledger
//   turnbroker:control  {"v":1,"do":"cut","allocation"?,"csp"?,"client"?}, {"v":1,"do":"revoked"} (the
//                       ledger has new revocations), {"v":1,"do":"reload"}
//   turnbroker:usage, turnbroker:cuts  for whoever watches the fleet: broker/usage_teller.h
//
// Each message is at most fleet_message_octets_max; what is longer, of another version or damaged is
// refused.
// Owner: pure functions over values. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/result.h"

namespace plugin {

inline constexpr std::size_t fleet_message_octets_max = 65'536;

namespace channels {
inline constexpr const char* recall = "turnbroker:recall";
inline constexpr const char* recall_places = "turnbroker:recall-places";
inline constexpr const char* exhausted = "turnbroker:exhausted";
inline constexpr const char* control = "turnbroker:control";
inline constexpr const char* usage = "turnbroker:usage";
inline constexpr const char* cuts = "turnbroker:cuts";
}  // namespace channels

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

/// A message that parse_account reads.
[[nodiscard]] std::string account_message(const broker::AccountKey& account);
/// Tells relays to fetch the ledger's revocations.
[[nodiscard]] std::string revoked_message();

}  // namespace plugin
