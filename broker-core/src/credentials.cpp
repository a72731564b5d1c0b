#include "broker/credentials.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "broker/base64.h"
#include "broker/mac.h"

namespace broker {

namespace {

constexpr std::size_t expiry_digits_max = 19;

/// "<expiry>:<who>"; without a colon all of it is `who`.
struct UsernameParts {
  std::string_view expiry;
  std::string_view who;
  bool has_expiry = false;
};

UsernameParts split_username(std::string_view username) {
  const std::size_t colon = username.find(':');
  if (colon == std::string_view::npos) return {{}, username, false};
  return {username.substr(0, colon), username.substr(colon + 1), true};
}

/// "<csp>/<media>/<client>", as far as it is there.
struct MintedName {
  std::string_view csp;
  std::string_view media;
  std::string_view client;
  int slashes = 0;  ///< 2 when there are more
};

MintedName split_minted_name(std::string_view who) {
  MintedName name;
  const std::size_t first = who.find('/');
  name.csp = who.substr(0, first);
  if (first == std::string_view::npos) return name;
  name.slashes = 1;
  const std::string_view rest = who.substr(first + 1);
  const std::size_t second = rest.find('/');
  name.media = rest.substr(0, second);
  if (second == std::string_view::npos) return name;
  name.slashes = 2;
  name.client = rest.substr(second + 1);
  return name;
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Rules 2 and 3 of check_username.
bool is_minted_name(const UsernameParts& parts, const MintedName& name, const Config& config) {
  if (name.slashes == 0 || name.csp.empty()) return false;
  const bool known_csp = config.csps.find(name.csp) != config.csps.end();
  if (known_csp && parse_media_type(name.media)) return true;
  return name.slashes == 2 && is_digits(parts.expiry) && (known_csp || !name.media.empty());
}

Result<UnixSeconds> parse_expiry(const UsernameParts& parts, UnixSeconds now_s) {
  if (!parts.has_expiry)
    return Error{"the username lacks its expiry; \"<expiry>:\" goes in front of it"};
  const std::string_view text = parts.expiry;
  UnixSeconds expiry_s = 0;
  const bool digits = is_digits(text) && text.size() <= expiry_digits_max;
  if (!digits ||
      std::from_chars(text.data(), text.data() + text.size(), expiry_s).ec != std::errc{})
    return Error{"the expiry \"" + for_log(text, 32) +
                 "\" is not a Unix time of 1 to 19 digits and at most 2^63-1"};
  if (now_s >= expiry_s)
    return Error{"the credential expired at " + std::to_string(expiry_s) + ", " +
                 std::to_string(now_s - expiry_s) + " s ago"};
  return expiry_s;
}

/// The CSP if it may relay this media type.
Result<const Csp*> find_entitled(const Config& config, std::string_view csp_id, MediaType media) {
  const auto csp = config.csps.find(csp_id);
  if (csp == config.csps.end())
    return Error{"unknown CSP \"" + for_log(csp_id, csp_id_octets_max) + "\""};
  if (!csp->second.quotas.contains(media))
    return Error{"CSP \"" + for_log(csp_id, csp_id_octets_max) +
                 "\" has no quota for media type \"" + std::string(to_string(media)) + "\""};
  return &csp->second;
}

/// What this relay signs with.
Result<const Secret*> newest_secret(const Config& config) {
  const auto secret = std::find_if(config.secrets.begin(), config.secrets.end(),
                                   [](const Secret& candidate) { return !candidate.empty(); });
  if (secret == config.secrets.end())
    return Error{"no [broker] secret is configured to sign a client id with"};
  return &*secret;
}

Result<std::vector<Secret>> passwords_of(std::string_view username,
                                         std::span<const Secret> secrets) {
  std::vector<Secret> passwords;
  passwords.reserve(std::min(secrets.size(), passwords_max));
  for (const Secret& secret : secrets) {
    if (secret.empty()) continue;
    if (passwords.size() == passwords_max) break;
    Secret password = turn_password(secret, username);
    if (password.empty()) return Error{"OpenSSL could not compute HMAC-SHA1"};
    passwords.push_back(std::move(password));
  }
  return passwords;
}

Result<AcceptedUser> accept_token(std::string_view who, const Config& config, UnixSeconds expiry_s,
                                  UnixSeconds now_s) {
  Result<ClientToken> verified = verify_token(who, config.secrets, now_s);
  if (!verified) return verified.error();
  ClientToken& token = verified.value();
  const Result<const Csp*> csp = find_entitled(config, token.csp, token.media);
  if (!csp) return csp.error();
  AcceptedUser user;
  user.csp = std::move(token.csp);
  user.media = token.media;
  user.client_name = std::move(token.client_name);
  user.expiry_s = std::min(expiry_s, token.expiry_s);
  user.issued_s = token.issued_s;
  return user;
}

/// Without a bound, what a CSP mints for long would seem to be minted after any revocation.
Status check_minted_expiry(const Config& config, UnixSeconds expiry_s, UnixSeconds now_s) {
  const std::int64_t longest_s = config.credential_ttl_s + minted_skew_s;
  if (now_s > INT64_MAX - longest_s || expiry_s <= now_s + longest_s) return Nothing{};
  return Error{"the credential expires at " + std::to_string(expiry_s) +
               "; with [broker] credential_ttl (" + std::to_string(config.credential_ttl_s) +
               " s, and " + std::to_string(minted_skew_s) + " s for a clock that is ahead) " +
               std::to_string(now_s + longest_s) + " is the latest that is allowed"};
}

Result<AcceptedUser> accept_minted_name(const MintedName& name, const Config& config,
                                        UnixSeconds expiry_s, UnixSeconds now_s) {
  // A CSP that nobody knows is the better news than its media type.
  if (config.csps.find(name.csp) == config.csps.end())
    return Error{"unknown CSP \"" + for_log(name.csp, csp_id_octets_max) + "\""};
  const std::optional<MediaType> media = parse_media_type(name.media);
  if (!media)
    return Error{"unknown media type \"" + for_log(name.media, 32) +
                 "\"; it is audio, video or data"};
  const Result<const Csp*> csp = find_entitled(config, name.csp, *media);
  if (!csp) return csp.error();
  if (Status client = check_client_name(name.client); !client) return client.error();
  if (Status expiry = check_minted_expiry(config, expiry_s, now_s); !expiry) return expiry.error();
  AcceptedUser user;
  user.csp = name.csp;
  user.media = *media;
  user.client_name = name.client;
  user.expiry_s = expiry_s;
  user.issued_s = expiry_s - config.credential_ttl_s - minted_skew_s;
  return user;
}

}  // namespace

UserCheck check_username(std::string_view username, const Config& config, UnixSeconds now_s) {
  const UsernameParts parts = split_username(username);
  const bool is_token = parts.who.starts_with(client_id_prefix);
  const MintedName name = split_minted_name(parts.who);
  if (!is_token && !is_minted_name(parts, name, config)) return ForeignUser{};

  if (username.size() > username_octets_max)
    return RefusedUser{"the username has more than " + std::to_string(username_octets_max) +
                       " octets"};
  const Result<UnixSeconds> expiry_s = parse_expiry(parts, now_s);
  if (!expiry_s) return RefusedUser{expiry_s.error().message};

  Result<AcceptedUser> user = is_token ? accept_token(parts.who, config, expiry_s.value(), now_s)
                                       : accept_minted_name(name, config, expiry_s.value(), now_s);
  if (!user) return RefusedUser{user.error().message};
  const std::vector<Secret>& secrets =
      is_token ? config.secrets : config.csps.find(name.csp)->second.secrets;
  Result<std::vector<Secret>> passwords = passwords_of(username, secrets);
  if (!passwords) return RefusedUser{passwords.error().message};
  if (passwords.value().empty())
    return RefusedUser{"CSP \"" + for_log(name.csp, csp_id_octets_max) +
                       "\" has no secret of its own, so it cannot mint credentials"};
  user.value().who = parts.who;
  user.value().passwords = std::move(passwords).value();
  return std::move(user).value();
}

Secret turn_password(const Secret& secret, std::string_view username) {
  auto mac = hmac_sha1(secret.reveal(), username);
  if (!mac) return Secret{};
  std::string text = base64_encode({mac->data(), mac->size()});
  Secret password(text);
  OPENSSL_cleanse(mac->data(), mac->size());
  OPENSSL_cleanse(text.data(), text.size());
  return password;
}

Result<IssuedClientId> issue_client_id(const Config& config, std::string_view csp, MediaType media,
                                       std::string_view client_name, std::string_view relay_id,
                                       std::int64_t ttl_s, UnixSeconds now_s) {
  if (Result<const Csp*> entitled = find_entitled(config, csp, media); !entitled)
    return entitled.error();
  if (ttl_s < 1 || ttl_s > credential_ttl_s_max)
    return Error{"a ttl of " + std::to_string(ttl_s) + " s; 1 to " +
                 std::to_string(credential_ttl_s_max) + " s (365 days) are allowed"};
  if (now_s < 0 || now_s > INT64_MAX - ttl_s)
    return Error{"the clock says " + std::to_string(now_s) + " s since 1970"};
  const Result<const Secret*> secret = newest_secret(config);
  if (!secret) return secret.error();
  ClientToken token{std::string(csp),      media, std::string(client_name),
                    std::string(relay_id), now_s, now_s + ttl_s};
  Result<std::string> client_id = issue_client_id(token, *secret.value());
  if (!client_id) return client_id.error();
  return IssuedClientId{std::move(client_id).value(), std::move(token)};
}

Result<IssuedCredentials> credentials_for(const Config& config, std::string_view client_id,
                                          const ClientToken& token, UnixSeconds now_s) {
  const Result<const Secret*> secret = newest_secret(config);
  if (!secret) return secret.error();
  IssuedCredentials issued;
  issued.client_id = client_id;
  // What goes over the wire, in clear.
  issued.username = std::to_string(token.expiry_s) + ":" + std::string(token_of(client_id));
  issued.password = turn_password(*secret.value(), issued.username);
  if (issued.password.empty()) return Error{"OpenSSL could not compute HMAC-SHA1"};
  issued.ttl_s = token.expiry_s - now_s;
  issued.uris = config.relay.urls;
  return issued;
}

Result<IssuedCredentials> issue_credentials(const Config& config, std::string_view csp,
                                            MediaType media, std::string_view client_name,
                                            std::int64_t ttl_s, UnixSeconds now_s) {
  const Result<IssuedClientId> id =
      issue_client_id(config, csp, media, client_name, config.relay.id, ttl_s, now_s);
  if (!id) return id.error();
  return credentials_for(config, id.value().client_id, id.value().token, now_s);
}

}  // namespace broker
