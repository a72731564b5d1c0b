// TURN credentials in the form of the TURN REST API (draft-uberti-behave-turn-rest-00):
// username "<expiry>:<who>", password base64(HMAC-SHA1(secret, username)).
// Owner: values. Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/client_token.h"
#include "broker/config.h"

namespace broker {

/// A username that the broker itself vouches for, if the message integrity fits one of the passwords.
struct AcceptedUser {
  std::string csp;
  MediaType media = MediaType::audio;
  std::string client_name;
  std::string who;                  ///< the part after "<expiry>:"; what a revocation names
  UnixSeconds expiry_s = 0;         ///< the earlier of the username's and the token's
  UnixSeconds issued_s = 0;         ///< from the token; for CSP-minted ones expiry_s - credential_ttl_s
  std::vector<Secret> passwords;    ///< one per secret that is valid now
};

/// Not of the broker's forms: coturn's own mechanisms may know it.
struct ForeignUser {};

/// Of the broker's form, and refused. `reason` is for the operator's log: no secret, control
/// characters escaped, at most 200 octets.
struct RefusedUser {
  std::string reason;
};

using UserCheck = std::variant<AcceptedUser, ForeignUser, RefusedUser>;

/// The broker's forms are "<digits>:tb1.…" and "<digits>:<csp>/<media>/<client>" (exactly two slashes
/// before the client part, which may hold more). Unknown CSP, wrong media type, a media type without
/// quota, expiry, a tampered token: RefusedUser.
[[nodiscard]] UserCheck check_username(std::string_view username, const Config& config,
                                       UnixSeconds now_s);

/// base64(HMAC-SHA1(secret, username)).
[[nodiscard]] Secret turn_password(const Secret& secret, std::string_view username);

struct IssuedCredentials {
  std::string client_id;
  std::string username;
  Secret password;
  std::int64_t ttl_s = 0;
  std::vector<std::string> uris;
};

/// Issues a client id for (csp, media, client) and credentials for it. Errors: unknown CSP, a media
/// type without quota, a bad client name, ttl out of 1 .. 31'536'000, no [broker] secret.
[[nodiscard]] Result<IssuedCredentials> issue_credentials(const Config& config, std::string_view csp,
                                                          MediaType media,
                                                          std::string_view client_name,
                                                          std::int64_t ttl_s, UnixSeconds now_s);

/// 1 .. client_name_octets_max octets of valid UTF-8 without control characters, blanks or quotes
/// (coturn refuses those in a USERNAME).
[[nodiscard]] Status check_client_name(std::string_view name);

/// The text with control characters and quotes escaped, cut at `octets_max` octets: fit for a log line.
[[nodiscard]] std::string for_log(std::string_view text, std::size_t octets_max = 96);

}  // namespace broker
