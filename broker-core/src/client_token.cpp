#include "broker/client_token.h"

#include <cstdint>
#include <optional>

#include "broker/base64.h"
#include "broker/mac.h"
#include "broker/names.h"

// What is encoded, integers in network order:
//   media 1 | issued_s 8 | expiry_s 8 | n 1 | csp n | m 1 | relay_id m | client_name, the rest |
//   MAC 16
// One sequence of octets per value, so that the encoding is canonical. At most 289 octets, 386
// characters of base64.

namespace broker {

namespace {

constexpr std::size_t fixed_octets = 1 + 8 + 8 + 1 + 1;

/// Keeps the broker secrets' other use, passwords, apart from this one.
constexpr std::string_view mac_context = "turnbroker client id 1:";

void append_seconds(std::string& octets, UnixSeconds seconds) {
  for (int shift = 56; shift >= 0; shift -= 8)
    octets += static_cast<char>(static_cast<std::uint64_t>(seconds) >> shift & 0xFF);
}

/// Takes the fields one after the other; remembers if there were too few octets.
class FieldReader {
 public:
  explicit FieldReader(std::string_view octets) : left_(octets) {}

  std::string_view take(std::size_t octets) {
    if (octets > left_.size()) {
      short_ = true;
      octets = left_.size();
    }
    const std::string_view field = left_.substr(0, octets);
    left_.remove_prefix(octets);
    return field;
  }
  std::uint64_t take_number(std::size_t octets) {
    std::uint64_t number = 0;
    for (const char octet : take(octets)) number = number << 8 | static_cast<unsigned char>(octet);
    return number;
  }
  std::string_view take_sized() { return take(take_number(1)); }
  std::string_view take_rest() { return take(left_.size()); }
  [[nodiscard]] bool was_short() const { return short_; }

 private:
  std::string_view left_;
  bool short_ = false;
};

std::optional<std::string> sign(std::string_view fields, const Secret& secret) {
  return short_mac(secret.reveal(), mac_context, fields);
}

std::string encode_fields(const ClientToken& token) {
  std::string octets;
  octets.reserve(fixed_octets + token.csp.size() + token.relay_id.size() +
                 token.client_name.size() + short_mac_octets);
  octets += static_cast<char>(token.media);
  append_seconds(octets, token.issued_s);
  append_seconds(octets, token.expiry_s);
  octets += static_cast<char>(token.csp.size());
  octets += token.csp;
  octets += static_cast<char>(token.relay_id.size());
  octets += token.relay_id;
  octets += token.client_name;
  return octets;
}

Status check_token(const ClientToken& token) {
  if (!is_csp_id(token.csp)) return Error{"the CSP's id is not one"};
  if (!is_relay_id(token.relay_id)) return Error{"the relay's id is not one"};
  if (Status name = check_client_name(token.client_name); !name) return name;
  if (to_string(token.media).empty()) return Error{"the media type is not one"};
  if (token.issued_s < 0 || token.expiry_s <= token.issued_s)
    return Error{"the expiry is not after the time of issue"};
  return Nothing{};
}

Result<ClientToken> decode_fields(std::string_view octets) {
  FieldReader reader(octets);
  ClientToken token;
  token.media = static_cast<MediaType>(reader.take_number(1));
  token.issued_s = static_cast<UnixSeconds>(reader.take_number(8));
  token.expiry_s = static_cast<UnixSeconds>(reader.take_number(8));
  token.csp = reader.take_sized();
  token.relay_id = reader.take_sized();
  token.client_name = reader.take_rest();
  if (reader.was_short()) return Error{"the client id is signed, but fields are missing"};
  if (Status fields = check_token(token); !fields)
    return Error{"the client id is signed, but " + fields.error().message};
  return token;
}

}  // namespace

Result<std::string> issue_token(const ClientToken& token, const Secret& secret) {
  if (secret.empty()) return Error{"there is no secret to sign a client id with"};
  if (Status fields = check_token(token); !fields) return fields.error();
  std::string octets = encode_fields(token);
  const std::optional<std::string> mac = sign(octets, secret);
  if (!mac) return Error{"OpenSSL could not compute HMAC-SHA256"};
  octets += *mac;
  return std::string(client_id_prefix) + base64url_encode(octets);
}

Result<ClientToken> read_token(std::string_view text, std::span<const Secret> secrets) {
  if (!text.starts_with(client_id_prefix)) return Error{"the client id lacks its \"tb1.\""};
  if (text.size() > token_octets_max)
    return Error{"the client id has more than " + std::to_string(token_octets_max) + " octets"};
  const std::optional<std::string> octets = base64url_decode(text.substr(client_id_prefix.size()));
  if (!octets) return Error{"the client id is not base64url; it was altered or cut"};
  if (octets->size() < fixed_octets + short_mac_octets) return Error{"the client id is too short"};
  const std::string_view fields =
      std::string_view(*octets).substr(0, octets->size() - short_mac_octets);
  const std::string_view given_mac = std::string_view(*octets).substr(fields.size());

  bool verified = false;
  bool any_secret = false;
  for (const Secret& secret : secrets) {
    if (secret.empty()) continue;
    any_secret = true;
    const std::optional<std::string> mac = sign(fields, secret);
    if (!mac) return Error{"OpenSSL could not compute HMAC-SHA256"};
    if (equal_in_constant_time(*mac, given_mac)) {
      verified = true;
      break;
    }
  }
  if (!any_secret) return Error{"no [broker] secret is configured to verify client ids with"};
  if (!verified)
    return Error{
        "the client id's signature fits none of the [broker] secrets: it was altered, or signed "
        "with a secret that this relay does not have"};

  return decode_fields(fields);
}

Status check_expiry(const ClientToken& token, UnixSeconds now_s) {
  if (now_s >= token.expiry_s)
    return Error{"the client id expired at " + std::to_string(token.expiry_s)};
  return Nothing{};
}

Result<ClientToken> verify_token(std::string_view text, std::span<const Secret> secrets,
                                 UnixSeconds now_s) {
  Result<ClientToken> token = read_token(text, secrets);
  if (!token) return token;
  if (Status good = check_expiry(token.value(), now_s); !good) return good.error();
  return token;
}

}  // namespace broker
