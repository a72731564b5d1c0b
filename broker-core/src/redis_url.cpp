#include "redis_url.h"

#include <algorithm>
#include <string>

#include "net_names.h"

namespace broker {

namespace {

constexpr std::uint16_t default_port = 6'379;
constexpr std::size_t database_digits_max = 5;
constexpr std::size_t socket_path_octets_max = 107;  // sockaddr_un's sun_path without its NUL

Error refused(const std::string& what) {
  return Error{what + "; allowed: " + std::string(redis_url_allowed)};
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "HOST", "HOST:PORT", "[ADDRESS]", "[ADDRESS]:PORT"; false when it is none of them.
bool parse_authority(std::string_view text, RedisAddress& out) {
  const bool bracketed = text.starts_with('[');
  const std::size_t end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return false;
  const std::string_view host = bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  std::string_view rest = text.substr(bracketed ? end + 1 : end);
  if (!(bracketed ? is_ipv6_address(host) : is_host(host))) return false;
  out.host = std::string(host);
  out.port = default_port;
  if (rest.empty()) return true;
  if (rest.front() != ':' || !is_port(rest.substr(1))) return false;
  rest.remove_prefix(1);
  out.port = static_cast<std::uint16_t>(std::stoi(std::string(rest)));
  return true;
}

Result<RedisUrl> parse_path(std::string_view path) {
  if (!path.starts_with('/')) return refused("a Unix socket without an absolute path");
  if (path.size() > socket_path_octets_max)
    return refused("a Unix socket's path of " + std::to_string(path.size()) +
                   " octets, where the system takes " + std::to_string(socket_path_octets_max));
  RedisUrl url;
  url.address.path = std::string(path);
  return url;
}

}  // namespace

Result<RedisUrl> parse_redis_url(std::string_view text) {
  if (text.starts_with("unix:")) return parse_path(text.substr(5));
  RedisUrl url;
  url.tls = text.starts_with("rediss://");
  if (!url.tls && !text.starts_with("redis://"))
    return refused("neither redis://, rediss:// nor unix:");
  text.remove_prefix(url.tls ? 9 : 8);
  // Before the host is split off: a password may have a slash in it.
  if (text.find('@') != std::string_view::npos)
    return Error{"a URL with a user or password; allowed: those in username and password_file"};
  const std::size_t slash = std::min(text.find('/'), text.size());
  if (!parse_authority(text.substr(0, slash), url.address))
    return refused("a URL with a wrong host or port");
  const std::string_view database = text.substr(std::min(slash + 1, text.size()));
  if (database.empty()) return url;
  if (!all_digits(database) || database.size() > database_digits_max)
    return refused("a URL with a database that is no number up to 99999");
  url.database = static_cast<std::uint32_t>(std::stoul(std::string(database)));
  return url;
}

}  // namespace broker
