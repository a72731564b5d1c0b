// The token of a client id: who the client is, until when. Self-contained and signed, so any relay
// that knows one of the broker secrets can verify it without a look-up. It stands in the TURN
// username, which travels in clear: whoever has it alone has no right to anything
// (broker/client_proof.h). Owner: values. Threads: any.
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
inline constexpr std::size_t token_octets_max = 480;

/// "tb1." and base64url without padding of the fields and a truncated HMAC-SHA256 (128 bits) over
/// them. At most token_octets_max octets, made of [A-Za-z0-9_-] behind the prefix, so that it fits a
/// STUN USERNAME with its expiry. The same fields and secret always give the same text. Errors: a
/// field out of its range, an empty secret.
[[nodiscard]] Result<std::string> issue_token(const ClientToken& token, const Secret& secret);

/// Checks prefix, encoding (one canonical form only), signature under any of the secrets and field
/// ranges, but not whether it is over. The error names the reason and nothing secret. Empty secrets
/// are passed over: they verify nothing.
[[nodiscard]] Result<ClientToken> read_token(std::string_view text,
                                             std::span<const Secret> secrets);

/// Whether it is over; the error says since when.
[[nodiscard]] Status check_expiry(const ClientToken& token, UnixSeconds now_s);

/// read_token, and check_expiry.
[[nodiscard]] Result<ClientToken> verify_token(std::string_view text,
                                               std::span<const Secret> secrets, UnixSeconds now_s);

}  // namespace broker
