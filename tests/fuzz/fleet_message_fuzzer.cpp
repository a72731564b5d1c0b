// Any octets as what another relay says over Redis. What is taken is within its bounds, and an account comes
// back from its own message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fleet/fleet_messages.h"

namespace {

using plugin::FleetCommand;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_error(const broker::Error& error) {
  require(!error.message.empty() && error.message.size() < 200);
  for (const char c : error.message) require(c >= ' ' && c <= '~');
}

void check_command(std::string_view text) {
  const auto command = plugin::parse_fleet_command(text);
  if (!command) return check_error(command.error());
  const FleetCommand& asked = command.value();
  require(text.size() <= plugin::fleet_message_octets_max);
  require(asked.allocation.size() <= 128 && asked.csp.size() <= broker::csp_id_octets_max &&
          asked.client.size() <= broker::client_name_octets_max);
  const bool names = !asked.allocation.empty() || !asked.csp.empty() || !asked.client.empty();
  require(names == (asked.what == FleetCommand::What::cut));
}

void check_account(std::string_view text) {
  const auto account = plugin::parse_account(text);
  if (!account) return check_error(account.error());
  require(!account.value().csp.empty() && account.value().csp.size() <= broker::csp_id_octets_max);
  require(account.value().client.size() <= broker::client_name_octets_max);
  const auto again = plugin::parse_account(plugin::account_message(account.value()));
  require(again.ok() && again.value() == account.value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_command(text);
  check_account(text);
  const auto revoked = plugin::parse_fleet_command(plugin::revoked_message());
  require(revoked.ok() && revoked.value().what == FleetCommand::What::revoked);
  return 0;
}
