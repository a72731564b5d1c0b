// TURN credentials in the form of the TURN REST API (draft-uberti-behave-turn-rest-00):
// username "<expiry>:<who>", password base64(HMAC-SHA1(secret, username)).
// Owner: values. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/client_proof.h"
#include "broker/client_token.h"
#include "broker/config.h"
#include "broker/names.h"

namespace broker {

/// What a STUN USERNAME may hold here: coturn cuts it at 512 octets.
inline constexpr std::size_t username_octets_max = 512;
/// As many as the door's turn_credential_answer carries; of more secrets the newest count.
inline constexpr std::size_t passwords_max = 8;
/// How far a CSP's clock may be ahead of this one when it mints credentials.
inline constexpr std::int64_t minted_skew_s = 60;

/// A username that the broker itself vouches for, if the message integrity fits one of the
/// passwords.
struct AcceptedUser {
  std::string csp;
  MediaType media = MediaType::audio;
  std::string client_name;
  std::string who;           ///< the part after "<expiry>:"; what a revocation names
  UnixSeconds expiry_s = 0;  ///< the earlier of the username's and the token's
  /// From the token. A CSP-minted name does not say it: then the earliest time at which it can have
  /// been minted, expiry_s - credential_ttl_s - minted_skew_s, so that a revocation covers all that
  /// was minted before it. What a CSP mints within minted_skew_s after one counts as older, too, and
  /// what it mints for less than credential_ttl_s for as much longer. What it mints for more is
  /// refused until no more than that is left of it, and is taken for minted then.
  UnixSeconds issued_s = 0;
  std::vector<Secret> passwords;  ///< 1 .. passwords_max: one per secret that is valid now
};

/// Not of the broker's forms: coturn's own mechanisms may know it.
struct ForeignUser {};

/// Of the broker's form, and refused. `reason` is for the operator's log: no secret, control
/// characters escaped, at most 200 octets.
struct RefusedUser {
  std::string reason;
};

using UserCheck = std::variant<AcceptedUser, ForeignUser, RefusedUser>;

/// Whose is this username, and is it valid at now_s?
///
/// The part up to the first ':' is the expiry (1 .. 19 digits, at most 2^63-1); what follows is
/// `who`, or all of it when there is no ':'. It is the broker's, and then accepted or refused but
/// never left to coturn, when
///
/// 1. `who` begins with "tb1.": a client id's token, whatever stands before it; or
///
/// 2. an expiry of digits only stands before it, and `who` is "<csp>/<media>/<client>" with at
/// least two slashes and a csp that is not empty, of which either the media part is not empty or
/// the csp is known; the client part may hold more slashes; or
///
/// 3. `who` begins with "<csp>/<media>" with a known csp and a media type's exact name, up to the
/// end or the next slash: a credential that lacks its client or a valid expiry.
///
/// All else is foreign, for example "alice", "alice/x", "1700000000:alice", "1700000000:alice/x",
/// "a:b/c/d".
///
/// Refused, each with its own reason: more than username_octets_max octets, no expiry, an expiry
/// that is no number, is over (now_s < expiry is needed), a token that was altered or that no secret
/// fits or that is over, an unknown CSP, an unknown media type, a media type without quota, a bad
/// client name, a CSP without a secret of its own, a CSP-minted expiry later than now_s +
/// credential_ttl_s + minted_skew_s. Never throws on any input, takes a few microseconds.
[[nodiscard]] UserCheck check_username(std::string_view username, const Config& config,
                                       UnixSeconds now_s);

/// base64(HMAC-SHA1(secret, username)); empty when OpenSSL cannot compute it.
[[nodiscard]] Secret turn_password(const Secret& secret, std::string_view username);

struct IssuedCredentials {
  std::string client_id;  ///< with its proof
  std::string username;   ///< "<expiry>:<token>"
  Secret password;
  std::int64_t ttl_s = 0;
  std::vector<std::string> uris;
};

inline constexpr std::int64_t credential_ttl_s_max = 31'536'000;

struct IssuedClientId {
  std::string client_id;  ///< with its proof
  ClientToken token;      ///< what the client id says
};

/// Issues a client id for (csp, media, client) and the relay that was chosen, signed with the newest
/// secret. Errors: as issue_credentials.
[[nodiscard]] Result<IssuedClientId> issue_client_id(const Config& config, std::string_view csp,
                                                     MediaType media, std::string_view client_name,
                                                     std::string_view relay_id, std::int64_t ttl_s,
                                                     UnixSeconds now_s);

/// Credentials for this relay's URLs that end with the client id; `token` is what verify_client_id said of it at now_s,
/// here or on another relay of the fleet. Errors: no [broker] secret.
[[nodiscard]] Result<IssuedCredentials> credentials_for(const Config& config,
                                                        std::string_view client_id,
                                                        const ClientToken& token,
                                                        UnixSeconds now_s);

/// Issues a client id for (csp, media, client) and this relay, and credentials for it, signed with the newest
/// secret. Errors: unknown CSP, a media type without quota, a bad client name, ttl out of 1 ..
/// credential_ttl_s_max, no [broker] secret.
[[nodiscard]] Result<IssuedCredentials> issue_credentials(const Config& config,
                                                          std::string_view csp, MediaType media,
                                                          std::string_view client_name,
                                                          std::int64_t ttl_s, UnixSeconds now_s);

}  // namespace broker
