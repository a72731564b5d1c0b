#include "net_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t host_octets_max = 253;
constexpr std::size_t label_octets_max = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_small_letter(char c) { return c >= 'a' && c <= 'z'; }

bool is_letter(char c) { return is_small_letter(c) || (c >= 'A' && c <= 'Z'); }

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// The address as inet_ntop(3) writes it; nullopt when it is none.
std::optional<std::string> canonical(int family, std::string_view text) {
  std::array<unsigned char, 16> address{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (text.find('\0') != std::string_view::npos ||
      ::inet_pton(family, std::string(text).c_str(), address.data()) != 1 ||
      ::inet_ntop(family, address.data(), out.data(), out.size()) == nullptr)
    return std::nullopt;
  return std::string(out.data());
}

bool is_label(std::string_view label) {
  const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '-'; };
  return !label.empty() && label.size() <= label_octets_max && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), fits);
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > host_octets_max) return false;
  std::string_view last;
  while (!host.empty()) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    last = host.substr(0, dot);
    if (!is_label(last)) return false;
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  return !all_digits(last);  // or it is meant as an IPv4 address, and is none
}

/// "host:port" or "[address]:port", each part as it stands there; no port: no ':' either.
struct Authority {
  std::string_view host;
  std::optional<std::string_view> port;
  bool ipv6 = false;
};

std::optional<Authority> split_authority(std::string_view text) {
  Authority out;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    out.ipv6 = true;
    out.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
  } else {
    out.host = text.substr(0, text.find(':'));
    text.remove_prefix(out.host.size());
  }
  if (text.empty()) return out;
  if (text.front() != ':') return std::nullopt;
  out.port = text.substr(1);
  return out;
}

bool is_valid(const Authority& authority) {
  return (authority.ipv6 ? is_ipv6_address(authority.host) : is_host(authority.host)) &&
         (!authority.port || is_port(*authority.port));
}

bool is_scheme(std::string_view scheme) {
  const auto fits = [](char c) {
    return is_small_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  };
  return !scheme.empty() && is_small_letter(scheme.front()) &&
         std::all_of(scheme.begin(), scheme.end(), fits);
}

bool is_origin(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, colon);
  const auto authority = split_authority(text.substr(colon + 3));
  if (!is_scheme(scheme) || !authority || !is_valid(*authority)) return false;
  if (std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
    return false;
  if (authority->ipv6 && canonical(AF_INET6, authority->host) != authority->host) return false;
  if (!authority->port) return true;
  const bool own_port = (scheme == "http" && *authority->port == "80") ||
                        (scheme == "https" && *authority->port == "443");
  return !own_port && authority->port->front() != '0';
}

}  // namespace

bool is_host(std::string_view host) { return is_ipv4_address(host) || is_host_name(host); }

bool is_ipv4_address(std::string_view text) { return canonical(AF_INET, text).has_value(); }

bool is_ipv6_address(std::string_view text) { return canonical(AF_INET6, text).has_value(); }

bool is_port(std::string_view text, bool zero) {
  constexpr std::size_t digits_max = 5;
  constexpr int port_max = 65'535;
  if (!all_digits(text) || text.size() > digits_max) return false;
  const int port = std::stoi(std::string(text));
  return port >= (zero ? 0 : 1) && port <= port_max;
}

Result<std::string> check_listen_address(std::string_view text) {
  const auto authority = split_authority(text);
  if (authority && authority->port && is_port(*authority->port, true)) {
    const auto address = canonical(authority->ipv6 ? AF_INET6 : AF_INET, authority->host);
    const std::string port = std::to_string(std::stoi(std::string(*authority->port)));
    if (address) return (authority->ipv6 ? '[' + *address + ']' : *address) + ':' + port;
  }
  return Error{quoted(text) + "; allowed: " + std::string(listen_address_allowed)};
}

Result<std::string> check_address(std::string_view text) {
  for (const int family : {AF_INET, AF_INET6})
    if (auto address = canonical(family, text)) return std::move(*address);
  return Error{quoted(text) + "; allowed: an IPv4 or IPv6 address such as \"192.0.2.1\""};
}

Result<std::string> check_origin(std::string_view text) {
  if (text == "*" || is_origin(text)) return std::string(text);
  return Error{quoted(text) +
               "; allowed: \"*\", or scheme://host[:port] as browsers send it, in lower case, "
               "without a path and without the scheme's own port"};
}

Result<std::string> check_http_url(std::string_view text) {
  const auto refuse = [](const std::string& what) {
    return Error{what +
                 "; allowed: http://HOST[:PORT][/PATH] or https://..., in ASCII, without user "
                 "information and without a fragment"};
  };
  std::string_view rest = text;
  if (!rest.starts_with("http://") && !rest.starts_with("https://"))
    return refuse("neither http:// nor https://");
  rest.remove_prefix(rest.find("://") + 3);
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
    return refuse("a blank, a control character, or not in ASCII");
  if (text.find('#') != std::string_view::npos) return refuse("a fragment");
  rest = rest.substr(0, rest.find_first_of("/?"));
  if (rest.find('@') != std::string_view::npos) return refuse("user information");
  const auto authority = split_authority(rest);
  if (!authority || !is_valid(*authority)) return refuse("a wrong host or port");
  return std::string(text);
}

}  // namespace broker
