// Any octets as a client id, and any octets as the signed fields of one, which no guess at a
// signature would ever get to, with its proof and without. What is accepted must be exactly what the
// broker itself would issue.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base64.h"
#include "broker/client_proof.h"
#include "broker/mac.h"

namespace {

constexpr broker::UnixSeconds now_s = 1'700'000'000;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_client_id(std::string_view client_id, const std::vector<broker::Secret>& secrets) {
  const auto verified = broker::verify_client_id(client_id, secrets, now_s);
  if (!verified) {
    require(!verified.error().message.empty());
    return;
  }
  require(verified.value().expiry_s > now_s);
  const auto issued = broker::issue_client_id(verified.value(), secrets.front());
  require(issued.ok() && issued.value() == client_id);
}

void check_token(std::string_view text, const std::vector<broker::Secret>& secrets) {
  require(!broker::read_client_id(text, secrets));
  const auto verified = broker::verify_token(text, secrets, now_s);
  if (!verified) return;
  const auto issued = broker::issue_token(verified.value(), secrets.front());
  require(issued.ok() && issued.value() == text);
}

/// An operator's revocation: of nothing that has a proof, and always of the same.
void check_who(std::string_view who) {
  require(who.starts_with(broker::token_of(who)));
  const auto named = broker::without_proof(who);
  require(named ? named.value() == broker::token_of(who) : !named.error().message.empty());
}

std::string prove(const std::string& token, const broker::Secret& secret) {
  const auto mac = broker::hmac_sha256(secret.reveal(), "turnbroker client proof 1:" + token);
  return token + "." + broker::base64url_encode(std::string(mac->data(), 16));
}

std::string sign(std::string_view fields, const broker::Secret& secret) {
  const auto mac =
      broker::hmac_sha256(secret.reveal(), "turnbroker client id 1:" + std::string(fields));
  return "tb1." + broker::base64url_encode(std::string(fields) + std::string(mac->data(), 16));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<broker::Secret> secrets{broker::Secret("north-star")};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_client_id(input, secrets);
  check_who(input);
  const std::string token = sign(input, secrets.front());
  check_token(token, secrets);
  check_client_id(prove(token, secrets.front()), secrets);
  check_who(prove(token, secrets.front()));
  return 0;
}
