// An address as numbers (a family, a port, 16 octets), then any text as an address, with a port or not, and as
// a range of peers. What is read comes back from its own text; a range holds what lies between its ends and
// nothing else; all that a peer leads to is looked at.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "ns_turn_peer_guard.h"
#include "stun_input.h"
#include "turn_peer_range.h"

namespace {

using fuzz::require;

const std::uint8_t* octets(const std::string& text) {
  return reinterpret_cast<const std::uint8_t*>(text.c_str());
}

std::string text_of(const ioa_addr& address, bool with_port) {
  std::array<std::uint8_t, MAX_IOA_ADDR_STRING> text{};
  require((with_port ? addr_to_string : addr_to_string_no_port)(&address, text.data()) == 0);
  require(std::ranges::count(text, 0) > 0);
  return reinterpret_cast<const char*>(text.data());
}

bool is_known(const ioa_addr& address) {
  return address.ss.sa_family == AF_INET || address.ss.sa_family == AF_INET6;
}

ioa_addr address_of(const std::uint8_t* data) {
  ioa_addr address{};
  address.ss.sa_family = data[0] % 2 == 0 ? AF_INET : AF_INET6;
  if (address.ss.sa_family == AF_INET)
    std::memcpy(&address.s4.sin_addr, data + 3, 4);
  else
    std::memcpy(&address.s6.sin6_addr, data + 3, 16);
  addr_set_port(&address, data[1] << 8 | data[2]);
  return address;
}

void check_back(const ioa_addr& address) {
  require(is_known(address) && get_ioa_addr_len(&address) != 0);
  ioa_addr back{};
  require(make_ioa_addr(octets(text_of(address, false)), addr_get_port(&address), &back) == 0);
  require(addr_eq(&address, &back) && addr_eq_no_port(&address, &back));
  require(addr_hash(&address) == addr_hash(&back));
  require(addr_any(&address) == addr_any(&back));
  if (addr_get_port(&address) == 0) return;
  require(make_ioa_addr_from_full_string(octets(text_of(address, true)), 1, &back) == 0);
  require(addr_eq(&address, &back));
}

void check_text(const std::string& text) {
  ioa_addr address{};
  if (make_ioa_addr(octets(text), 3478, &address) == 0) check_back(address);
  if (make_ioa_addr_from_full_string(octets(text), 3478, &address) == 0) check_back(address);
}

void check_range(const std::string& text, const ioa_addr& address) {
  ioa_addr_range range{};
  if (turn_peer_range_parse(text.c_str(), &range.min, &range.max) != 0) return;
  require(is_known(range.min) && range.min.ss.sa_family == range.max.ss.sa_family);
  require(ioa_addr_in_range(&range, &range.min) && ioa_addr_in_range(&range, &range.max));
  const bool is_between = address.ss.sa_family == range.min.ss.sa_family &&
                          addr_less_eq(&range.min, &address) && addr_less_eq(&address, &range.max);
  require((ioa_addr_in_range(&range, &address) != 0) == is_between);
  ioa_addr_range again{};
  const std::string ends = text_of(range.min, false) + "-" + text_of(range.max, false);
  require(turn_peer_range_parse(ends.c_str(), &again.min, &again.max) == 0);
  require(addr_eq(&range.min, &again.min) && addr_eq(&range.max, &again.max));
}

// Whether an IPv4 address that is written out in an IPv6 one is among what that leads to.
bool leads_to(const ioa_addr& peer, const std::uint8_t* v4) {
  std::array<ioa_addr, TURN_PEER_FORMS_MAX> forms{};
  const std::size_t number = turn_peer_forms(&peer, forms.data());
  return std::any_of(forms.begin(), forms.begin() + static_cast<std::ptrdiff_t>(number),
                     [&](const ioa_addr& form) {
                       return form.ss.sa_family == AF_INET &&
                              std::memcmp(&form.s4.sin_addr, v4, 4) == 0;
                     });
}

void check_forms(const ioa_addr& address) {
  std::array<ioa_addr, TURN_PEER_FORMS_MAX> forms{};
  const std::size_t number = turn_peer_forms(&address, forms.data());
  require(number >= 1 && number <= forms.size() && addr_eq(&forms[0], &address));
  require(address.ss.sa_family == AF_INET6 || number == 1);
  for (std::size_t i = 0; i < number; ++i) {
    require(i == 0 || forms[i].ss.sa_family == AF_INET);
    require(addr_get_port(&forms[i]) == addr_get_port(&address));
    const char* scope = turn_peer_scope(&forms[i]);
    require(scope == nullptr || std::strchr(scope, '/') != nullptr);
    (void)(ioa_addr_is_zero(&forms[i]) || ioa_addr_is_loopback(&forms[i]));
    require(!ioa_addr_is_multicast(&forms[i]) || !ioa_addr_is_loopback(&forms[i]));
  }
}

// The same four octets in all the ways there are to write them into an IPv6 address.
void check_embedded(const std::uint8_t* v4) {
  static constexpr std::array<std::string_view, 6> prefixes{
      "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "2002::", "64:ff9b:1::", "2001::"};
  static constexpr std::array<std::size_t, 6> places{12, 12, 12, 2, 12, 4};
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    ioa_addr peer{};
    require(make_ioa_addr(octets(std::string(prefixes[i])), 9, &peer) == 0);
    auto* to = reinterpret_cast<std::uint8_t*>(&peer.s6.sin6_addr);
    std::memcpy(to + places[i], v4, 4);
    // In a prefix that is split by its operator, what begins with 0 is padding.
    require(leads_to(peer, v4) || (prefixes[i] == "64:ff9b:1::" && v4[0] == 0));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t head = 19;
  if (size < head) return 0;
  const ioa_addr address = address_of(data);
  check_back(address);
  check_forms(address);
  check_embedded(data + 3);
  const std::string text(reinterpret_cast<const char*>(data) + head, size - head);
  check_text(text);
  check_range(text, address);
  return 0;
}
