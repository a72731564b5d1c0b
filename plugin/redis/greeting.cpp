#include "redis/greeting.h"

#include <algorithm>
#include <utility>

#include "redis/refusal.h"

namespace plugin::redis {

namespace {

using Check = std::optional<std::string>;

/// Its text stays unquoted: of an AUTH that the server does not know, it may quote the password.
Check check_auth(const Reply& reply, Server&) {
  if (!reply.is_error()) return std::nullopt;
  return "it refuses the user or the password (" + error_code(reply.text) + ')';
}

Check check_ok(const Reply& reply, Server&) {
  if (!reply.is_error()) return std::nullopt;
  return one_line(reply.text);
}

Check check_role(const Reply& reply, Server&) {
  if (reply.is_error()) return one_line(reply.text);
  if (!says_master(reply)) return std::string(no_master);
  return std::nullopt;
}

/// The value of "key:value\r\n", or empty.
std::string_view field(std::string_view info, std::string_view key) {
  const std::string begin = std::string(key) + ':';
  std::size_t at = info.starts_with(begin) ? 0 : info.find("\r\n" + begin);
  if (at == std::string_view::npos) return {};
  at = info.find(':', at) + 1;
  return info.substr(at, info.find("\r\n", at) - at);
}

Check check_info(const Reply& reply, Server& server) {
  constexpr std::size_t run_id_octets_max = 64;
  if (reply.is_error()) return one_line(reply.text);
  const std::string_view run_id = field(reply.text, "run_id");
  const bool plain =
      std::all_of(run_id.begin(), run_id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (run_id.empty() || run_id.size() > run_id_octets_max || !plain)
    return "its INFO has no run_id";
  server.run_id = std::string(run_id);
  server.version = one_line(field(reply.text, "redis_version"));
  return std::nullopt;
}

/// A server that drops keys when its memory is full would drop what was used, and grant it again.
Check check_memory(const Reply& reply, Server&) {
  if (reply.is_error()) return one_line(reply.text);
  const std::string_view most = field(reply.text, "maxmemory");
  const std::string_view policy = field(reply.text, "maxmemory_policy");
  if (most.empty() || most == "0" || policy.empty() || policy == "noeviction") return std::nullopt;
  return "it may drop accounts when its memory is full (maxmemory-policy " + one_line(policy) +
         "): set maxmemory-policy noeviction";
}

}  // namespace

std::vector<GreetingStep> greeting(const GreetingWish& wish) {
  std::vector<GreetingStep> steps;
  if (!wish.password.empty()) {
    std::vector<std::string> arguments{"AUTH"};
    // Servers before Redis 6 know no users.
    if (!wish.username.empty()) arguments.push_back(wish.username);
    arguments.emplace_back(wish.password.reveal());
    steps.push_back({std::move(arguments), check_auth});
  }
  if (wish.database != 0) steps.push_back({{"SELECT", std::to_string(wish.database)}, check_ok});
  if (wish.check_master) steps.push_back({{"ROLE"}, check_role});
  if (wish.identify) {
    steps.push_back({{"INFO", "server"}, check_info});
    steps.push_back({{"INFO", "memory"}, check_memory});
  }
  steps.push_back({{"PING"}, check_ok});
  return steps;
}

bool says_master(const Reply& role) {
  return role.has_items(1) && role.items.front().text == "master";
}

}  // namespace plugin::redis
