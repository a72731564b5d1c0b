#include "broker/client_proof.h"

#include <optional>

#include "broker/base64.h"
#include "broker/mac.h"

namespace broker {

namespace {

/// Keeps it apart from the broker secrets' other uses: tokens and passwords, which are on the wire.
constexpr std::string_view mac_context = "turnbroker client proof 1:";

/// Nothing when OpenSSL fails.
std::optional<std::string> proof_of(std::string_view token, const Secret& secret) {
  const auto mac = short_mac(secret.reveal(), mac_context, token);
  if (!mac) return std::nullopt;
  return base64url_encode(*mac);
}

/// What stands behind the token's point; nothing when there is none.
std::optional<std::string_view> given_proof(std::string_view client_id) {
  const std::size_t token_octets = token_of(client_id).size();
  if (token_octets == client_id.size()) return std::nullopt;
  return client_id.substr(token_octets + 1);
}

}  // namespace

Result<std::string> issue_client_id(const ClientToken& token, const Secret& secret) {
  Result<std::string> text = issue_token(token, secret);
  if (!text) return text;
  const std::optional<std::string> proof = proof_of(text.value(), secret);
  if (!proof) return Error{"OpenSSL could not compute HMAC-SHA256"};
  return text.value() + "." + *proof;
}

Result<ClientToken> read_client_id(std::string_view client_id, std::span<const Secret> secrets) {
  const std::string_view text = token_of(client_id);
  Result<ClientToken> token = read_token(text, secrets);
  if (!token) return token;
  const std::optional<std::string_view> given = given_proof(client_id);
  if (!given)
    return Error{
        "the client id lacks its proof, the part behind the token: it was cut, taken out of a "
        "username, or issued before there were proofs"};
  bool proven = false;
  for (const Secret& secret : secrets) {
    if (secret.empty()) continue;
    const std::optional<std::string> proof = proof_of(text, secret);
    if (!proof) return Error{"OpenSSL could not compute HMAC-SHA256"};
    if (equal_in_constant_time(*proof, *given)) proven = true;
  }
  if (!proven) return Error{"the client id's proof fits none of the [broker] secrets"};
  return token;
}

Result<ClientToken> verify_client_id(std::string_view client_id, std::span<const Secret> secrets,
                                     UnixSeconds now_s) {
  Result<ClientToken> token = read_client_id(client_id, secrets);
  if (!token) return token;
  if (Status good = check_expiry(token.value(), now_s); !good) return good.error();
  return token;
}

std::string_view token_of(std::string_view client_id) {
  if (!client_id.starts_with(client_id_prefix)) return client_id;
  return client_id.substr(0, client_id.find('.', client_id_prefix.size()));
}

Result<std::string_view> without_proof(std::string_view who) {
  const std::optional<std::string_view> given = given_proof(who);
  if (!given) return who;
  const std::optional<std::string> octets = base64url_decode(*given);
  if (!octets || octets->size() != short_mac_octets)
    return Error{"the client id was altered or cut: its proof, the part behind the token, is " +
                 std::to_string(client_proof_octets) + " characters of base64url"};
  return token_of(who);
}

}  // namespace broker
