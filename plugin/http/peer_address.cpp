#include "http/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace plugin::http {

namespace {

constexpr std::size_t mapped_prefix_octets = 12;  // ::ffff:0:0/96
constexpr std::size_t network_octets = 8;

PeerAddress of_ipv4(const void* octets) {
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, octets, text.data(), text.size());
  return {text.data(), std::string(static_cast<const char*>(octets), sizeof(in_addr))};
}

PeerAddress of_ipv6(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return of_ipv4(&address.s6_addr[mapped_prefix_octets]);
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return {text.data(), std::string(reinterpret_cast<const char*>(&address), network_octets)};
}

}  // namespace

std::optional<PeerAddress> peer_of(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
    return std::nullopt;
  if (storage.ss_family == AF_INET)
    return of_ipv4(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr);
  if (storage.ss_family == AF_INET6)
    return of_ipv6(reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr);
  return PeerAddress{};
}

}  // namespace plugin::http
