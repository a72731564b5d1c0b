#include "redis/endpoint.h"

#include <algorithm>
#include <charconv>

namespace plugin::redis {

std::string Endpoint::name() const {
  if (!path.empty()) return path;
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

Endpoint endpoint_of(const broker::RedisAddress& address) {
  return {address.host, address.port, address.path};
}

bool is_plausible_host(std::string_view text) {
  constexpr std::size_t host_octets_max = 253;
  return !text.empty() && text.size() <= host_octets_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<Endpoint> parse_endpoint(std::string_view text, const std::string& fallback_host) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = fallback_host;
  if (!port || !is_plausible_host(host)) return std::nullopt;
  return Endpoint{std::string(host), *port, {}};
}

}  // namespace plugin::redis
