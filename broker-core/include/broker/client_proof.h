// The client id: what getTurnAddr hands out, "<token>.<proof>". The TURN username holds the token
// alone (broker/client_token.h), and travels in clear; the proof is told to the client only, so that
// a username that was seen on the wire gets nobody its password. Owner: values. Threads: any.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "broker/account.h"
#include "broker/client_token.h"
#include "broker/result.h"
#include "broker/secret.h"

namespace broker {

/// A truncated HMAC-SHA256 (128 bits) over the token, in base64url without padding.
inline constexpr std::size_t client_proof_octets = 22;
inline constexpr std::size_t client_id_octets_max = token_octets_max + 1 + client_proof_octets;

/// issue_token, and its proof. Errors: alike. A secret to be kept from logs, but for its token.
[[nodiscard]] Result<std::string> issue_client_id(const ClientToken& token, const Secret& secret);

/// read_token of its token, and whether one of the secrets gives its proof; compares with all of
/// them, each in constant time. Does not look at the clock. The error names the reason and nothing
/// secret.
[[nodiscard]] Result<ClientToken> read_client_id(std::string_view client_id,
                                                 std::span<const Secret> secrets);

/// read_client_id, and check_expiry.
[[nodiscard]] Result<ClientToken> verify_client_id(std::string_view client_id,
                                                   std::span<const Secret> secrets,
                                                   UnixSeconds now_s);

/// What stands before the proof; all of it when there is none. Borrowed from `client_id`; nothing is
/// verified.
[[nodiscard]] std::string_view token_of(std::string_view client_id);

/// What a revocation names (AcceptedUser::who), for operators who may give a client id with its proof
/// or without: token_of a client id, everything else as it is. Borrowed from `who`; no secret is
/// needed. Errors: a client id with something behind its token that no proof looks like.
[[nodiscard]] Result<std::string_view> without_proof(std::string_view who);

}  // namespace broker
