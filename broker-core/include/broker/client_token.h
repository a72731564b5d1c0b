// The client id: what getTurnAddr hands out. Self-contained and signed, so any relay that knows one
// of the broker secrets can verify it without a look-up. Owner: values. Threads: any.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/result.h"
#include "broker/secret.h"

namespace broker {

struct ClientToken {
  std::string csp;  ///< a CSP's id (is_csp_id)
  MediaType media = MediaType::audio;
  std::string client_name;  ///< as check_client_name allows
  std::string relay_id;     ///< the relay that was chosen; any relay of the fleet accepts the token
  UnixSeconds issued_s = 0;  ///< >= 0
  UnixSeconds expiry_s = 0;  ///< > issued_s
  friend bool operator==(const ClientToken&, const ClientToken&) = default;
};

inline constexpr std::string_view client_id_prefix = "tb1.";
inline constexpr std::size_t client_id_octets_max = 480;

/// "tb1." and base64url without padding of the fields and a truncated HMAC-SHA256 (128 bits) over
/// them. At most client_id_octets_max octets, made of [A-Za-z0-9._-] only, so that it fits a STUN
/// USERNAME with its expiry. The same fields and secret always give the same id. Errors: a field
/// out of its range, an empty secret.
[[nodiscard]] Result<std::string> issue_client_id(const ClientToken& token, const Secret& secret);

/// Checks prefix, encoding (one canonical form only), signature under any of the secrets and field
/// ranges, but not whether it is over. The error names the reason and nothing secret. Empty secrets
/// are passed over: they verify nothing.
[[nodiscard]] Result<ClientToken> read_client_id(std::string_view client_id,
                                                 std::span<const Secret> secrets);

/// read_client_id, and now_s < expiry_s.
[[nodiscard]] Result<ClientToken> verify_client_id(std::string_view client_id,
                                                   std::span<const Secret> secrets,
                                                   UnixSeconds now_s);

}  // namespace broker
