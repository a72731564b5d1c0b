// Any octets as a STUN USERNAME. The verdict must be one that a caller can rely on.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../support/sample_config.h"
#include "broker/credentials.h"

namespace {

constexpr broker::UnixSeconds now_s = 1'700'000'000;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_accepted(const broker::AcceptedUser& user, std::string_view username,
                    const broker::Config& config) {
  require(username.size() <= broker::username_octets_max);
  require(username.ends_with(":" + user.who));
  require(user.expiry_s > now_s);
  require(!user.passwords.empty() && user.passwords.size() <= broker::passwords_max);
  for (const broker::Secret& password : user.passwords) require(password.reveal().size() == 28);
  require(broker::check_client_name(user.client_name).ok());
  const auto csp = config.csps.find(user.csp);
  require(csp != config.csps.end() && csp->second.quotas.contains(user.media));
}

void check_refused(const broker::RefusedUser& user) {
  require(!user.reason.empty() && user.reason.size() <= 200);
  for (const char c : user.reason) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const broker::Config config = broker::sample_config();
  const std::string_view username(reinterpret_cast<const char*>(data), size);
  const broker::UserCheck check = broker::check_username(username, config, now_s);
  if (const auto* accepted = std::get_if<broker::AcceptedUser>(&check))
    check_accepted(*accepted, username, config);
  else if (const auto* refused = std::get_if<broker::RefusedUser>(&check))
    check_refused(*refused);
  require(broker::for_log(username, 64).size() <= 64);
  return 0;
}
