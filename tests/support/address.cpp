#include "support/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ostream>

namespace turntest {

std::optional<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  Address address;
  address.family = 4;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    address.family = 6;
    host = host.substr(1, host.size() - 2);
  }
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), address.port);
  if (error != std::errc{} || end != port_text.data() + port_text.size()) return std::nullopt;
  if (inet_pton(address.socket_family(), std::string(host).c_str(), address.octets.data()) != 1)
    return std::nullopt;
  return address;
}

Address Address::loopback(int family, std::uint16_t port) {
  Address address;
  address.family = family == 6 ? 6 : 4;
  address.port = port;
  if (family == 6)
    address.octets[15] = 1;
  else
    address.octets = {127, 0, 0, 1};
  return address;
}

Address Address::from_sockaddr(const sockaddr_storage& storage) {
  Address address;
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof in);
    address.family = 4;
    address.port = ntohs(in.sin_port);
    std::memcpy(address.octets.data(), &in.sin_addr, 4);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof in);
    address.family = 6;
    address.port = ntohs(in.sin6_port);
    std::memcpy(address.octets.data(), &in.sin6_addr, 16);
  }
  return address;
}

Address Address::of_socket(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return from_sockaddr(storage);
}

bool Address::is_loopback() const {
  if (family == 4) return octets[0] == 127;
  return *this == loopback(6, port);
}

Address Address::with_port(std::uint16_t other_port) const {
  Address copy = *this;
  copy.port = other_port;
  return copy;
}

std::string Address::host() const {
  if (family == 0) return "none";
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(socket_family(), octets.data(), text, sizeof text);
  return text;
}

std::string Address::to_string() const {
  const std::string port_text = ":" + std::to_string(port);
  return family == 6 ? "[" + host() + "]" + port_text : host() + port_text;
}

SocketAddress::SocketAddress(const Address& address) {
  if (address.family == 6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port);
    std::memcpy(&in.sin6_addr, address.octets.data(), 16);
    std::memcpy(&storage, &in, sizeof in);
    size = sizeof in;
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.octets.data(), 4);
    std::memcpy(&storage, &in, sizeof in);
    size = sizeof in;
  }
}

std::ostream& operator<<(std::ostream& out, const Address& address) {
  return out << address.to_string();
}

}  // namespace turntest
