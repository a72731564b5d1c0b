// The client id: what getTurnAddr hands out. Self-contained and signed, so any relay that knows one of
// the broker secrets can verify it without a look-up.
// Owner: values. Threads: any.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/result.h"
#include "broker/secret.h"

namespace broker {

struct ClientToken {
  std::string csp;
  MediaType media = MediaType::audio;
  std::string client_name;     ///< 1 .. client_name_octets_max octets of UTF-8 without control characters
  std::string relay_id;        ///< the relay that was chosen; any relay of the fleet accepts the token
  UnixSeconds issued_s = 0;
  UnixSeconds expiry_s = 0;
  friend bool operator==(const ClientToken&, const ClientToken&) = default;
};

inline constexpr std::string_view client_id_prefix = "tb1.";

/// "tb1." and base64url without padding of the fields and a truncated HMAC-SHA256 (128 bits) over them.
/// At most 480 octets, made of [A-Za-z0-9._-] only, so that it fits a STUN USERNAME with its expiry.
[[nodiscard]] Result<std::string> issue_client_id(const ClientToken& token, const Secret& secret);

/// Checks prefix, encoding (one canonical form only), signature under any of the secrets, field ranges
/// and expiry (now_s < expiry_s). The error names the reason and nothing secret.
[[nodiscard]] Result<ClientToken> verify_client_id(std::string_view client_id,
                                                   std::span<const Secret> secrets,
                                                   UnixSeconds now_s);

}  // namespace broker
