// Any octets as a client id, and any octets as the signed fields of one, which no guess at a
// signature would ever get to. What is accepted must be exactly what the broker itself would issue.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base64.h"
#include "broker/client_token.h"
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
  check_client_id(sign(input, secrets.front()), secrets);
  return 0;
}
