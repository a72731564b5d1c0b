// User name and password, also in the time-limited form of TURN REST.
// Owner: regular value. Threads: any.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace turntest {

struct Credentials {
  std::string username;
  std::string password;
};

/// "<expiry>:<name>" and base64(HMAC-SHA1(secret, username)); a negative ttl makes an expired one.
[[nodiscard]] Credentials rest_credentials(std::string_view secret, std::string_view name,
                                           std::chrono::seconds ttl = std::chrono::hours(1));

/// base64(HMAC-SHA1(secret, username)) for a user name of any form.
[[nodiscard]] std::string rest_password(std::string_view secret, std::string_view username);

}  // namespace turntest
