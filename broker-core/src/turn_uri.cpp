#include "turn_uri.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "printable.h"

namespace broker {

namespace {

constexpr std::size_t host_octets_max = 253;
constexpr std::size_t label_octets_max = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_address(int family, std::string_view text) {
  std::array<unsigned char, 16> address{};
  return ::inet_pton(family, std::string(text).c_str(), address.data()) == 1;
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

bool is_port(std::string_view text) {
  constexpr std::size_t digits_max = 5;
  constexpr int port_max = 65'535;
  if (!all_digits(text) || text.size() > digits_max) return false;
  const int port = std::stoi(std::string(text));
  return port >= 1 && port <= port_max;
}

/// Takes `prefix` off the front of the text, if it stands there. Schemes know no case (RFC
/// 3986, 3.1).
bool take(std::string_view& text, std::string_view prefix) {
  const auto same = [](char a, char b) { return a == b || (is_letter(a) && (a | 0x20) == b); };
  if (text.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                 [&](char b, char a) { return same(a, b); }))
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// What is wrong with the URI; it reads on from "... has".
std::optional<std::string> problem_of(std::string_view rest) {
  if (!take(rest, "turns:") && !take(rest, "turn:")) return "another scheme than turn: and turns:";
  const std::size_t question = std::min(rest.find('?'), rest.size());
  std::string_view query = rest.substr(question);
  rest = rest.substr(0, question);
  if (!query.empty() && query != "?transport=udp" && query != "?transport=tcp")
    return "another query than ?transport=udp and ?transport=tcp";

  std::string_view host;
  if (!rest.empty() && rest.front() == '[') {
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return "an IPv6 address without its closing bracket";
    host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (!is_address(AF_INET6, host)) return "a malformed IPv6 address";
  } else {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    host = rest.substr(0, colon);
    rest.remove_prefix(colon);
    if (host.empty()) return "no host";
    if (!is_address(AF_INET, host) && !is_host_name(host)) return "a malformed host";
  }
  if (rest.empty()) return std::nullopt;
  if (rest.front() != ':' || !is_port(rest.substr(1))) return "a malformed port";
  return std::nullopt;
}

}  // namespace

Status check_turn_uri(std::string_view uri) {
  const std::optional<std::string> problem = problem_of(uri);
  if (!problem) return Nothing{};
  return Error{quoted(uri) + " has " + *problem +
               "; allowed: turn:HOST[:PORT][?transport=udp|tcp] or turns:... (RFC 7065)"};
}

}  // namespace broker
