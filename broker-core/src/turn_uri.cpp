#include "broker/turn_uri.h"

#include <algorithm>
#include <optional>
#include <string>

#include "net_names.h"
#include "printable.h"

namespace broker {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

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
    if (!is_ipv6_address(host)) return "a malformed IPv6 address";
  } else {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    host = rest.substr(0, colon);
    rest.remove_prefix(colon);
    if (host.empty()) return "no host";
    if (!is_host(host)) return "a malformed host";
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
