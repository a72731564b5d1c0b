// What is said on a new connection before it is used, and what the server must answer.
// Owner: pure functions. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/secret.h"
#include "redis/client.h"

namespace plugin::redis {

inline constexpr std::string_view no_master = "it is no master";

struct GreetingStep {
  std::vector<std::string> arguments;
  /// What is wrong with the reply; what it says of the server goes there.
  std::function<std::optional<std::string>(const Reply&, Server&)> check;
};

struct GreetingWish {
  const std::string& username;
  const broker::Secret& password;  ///< empty: no AUTH
  std::uint32_t database = 0;
  bool check_master = false;  ///< by ROLE
  bool identify = false;      ///< by INFO
};

/// AUTH, SELECT, ROLE, INFO as wished, and PING: a server that loads its data answers all but that.
[[nodiscard]] std::vector<GreetingStep> greeting(const GreetingWish& wish);

/// Of ROLE's reply.
[[nodiscard]] bool says_master(const Reply& role);

}  // namespace plugin::redis
