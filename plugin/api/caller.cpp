#include "api/caller.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace plugin {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string written(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  return ::inet_ntop(family, address, out.data(), out.size()) == nullptr ? "" : out.data();
}

/// The address as inet_ntop(3) writes it; empty when it is none. Some proxies add a port.
std::string parse_address(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('['))
    text = text.substr(1, std::min(text.find(']'), text.size()) - 1);
  else if (std::count(text.begin(), text.end(), ':') == 1)
    text = text.substr(0, text.find(':'));
  const std::string zero_ended(text);
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, zero_ended.c_str(), &v4) == 1) return written(AF_INET, &v4);
  if (::inet_pton(AF_INET6, zero_ended.c_str(), &v6) != 1) return {};
  if (IN6_IS_ADDR_V4MAPPED(&v6) != 0) return written(AF_INET, &v6.s6_addr[12]);
  return written(AF_INET6, &v6);
}

bool trusted(const broker::HttpConfig& config, const std::string& address) {
  return std::ranges::find(config.trusted_proxies, address) != config.trusted_proxies.end();
}

/// Each proxy adds whom it got the request from at the end; the last one that is no proxy of ours is
/// the client. What stands before it, the client may have made up.
std::string client_address(const http::Request& request, const broker::HttpConfig& config) {
  std::string address = parse_address(request.remote_address);
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (!http::equal_without_case(header->first, "X-Forwarded-For")) continue;
    std::string_view list = header->second;
    while (trusted(config, address)) {
      const std::size_t comma = list.rfind(',');
      std::string before =
          parse_address(comma == std::string_view::npos ? list : list.substr(comma + 1));
      if (before.empty()) return address;
      address = std::move(before);
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
  return address;
}

std::string limit_name(const std::string& address) {
  in6_addr v6{};
  if (::inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address;
  std::memset(&v6.s6_addr[8], 0, 8);  // a client has a whole /64 (RFC 4291, section 2.5.4)
  return written(AF_INET6, &v6) + "/64";
}

std::optional<std::string> bearer_of(const http::Request& request) {
  constexpr std::string_view scheme = "bearer ";
  const std::string* header = request.header("Authorization");
  if (header == nullptr || header->size() < scheme.size() ||
      !http::equal_without_case(std::string_view(*header).substr(0, scheme.size()), scheme))
    return std::nullopt;
  return std::string(trimmed(std::string_view(*header).substr(scheme.size())));
}

bool came_over_tls(const http::Request& request, const broker::HttpConfig& config) {
  const std::string* forwarded = request.header("X-Forwarded-Proto");
  if (forwarded != nullptr && trusted(config, parse_address(request.remote_address)))
    return http::equal_without_case(trimmed(*forwarded), "https");
  return request.secure;
}

}  // namespace

Caller caller_of(const http::Request& request, const broker::HttpConfig& config) {
  Caller caller;
  caller.address = limit_name(client_address(request, config));
  caller.bearer = bearer_of(request);
  if (const std::string* origin = request.header("Origin")) caller.origin = *origin;
  const std::string* site = request.header("Sec-Fetch-Site");
  const std::string* host = request.header("Host");
  if (site != nullptr && *site == "same-origin" && host != nullptr)
    caller.own_origin = (came_over_tls(request, config) ? "https://" : "http://") + *host;
  return caller;
}

bool fits_any(const std::vector<broker::Secret>& secrets, std::string_view given) {
  bool fits = false;
  for (const broker::Secret& secret : secrets) {
    const bool same = broker::equal_in_constant_time(secret.reveal(), given);
    fits = fits || same;
  }
  return fits;
}

bool allows(const broker::Csp& csp, std::string_view origin) {
  return std::ranges::any_of(csp.allowed_origins, [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

}  // namespace plugin
