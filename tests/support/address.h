// A transport address: IPv4 or IPv6, and a port.
// Owner: regular value. Threads: any.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace turntest {

struct Address {
  std::uint8_t family = 0;                ///< 4, 6, or 0 for none
  std::uint16_t port = 0;                 ///< host order
  std::array<std::uint8_t, 16> octets{};  ///< IPv4: the first four

  /// "127.0.0.1:3478" or "[::1]:3478".
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);
  /// 127.0.0.1 for family 4, ::1 for 6.
  [[nodiscard]] static Address loopback(int family, std::uint16_t port = 0);
  [[nodiscard]] static Address from_sockaddr(const sockaddr_storage& storage);
  /// Of the socket's own end.
  [[nodiscard]] static Address of_socket(int descriptor);

  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::size_t address_octets() const { return family == 6 ? 16 : 4; }
  [[nodiscard]] int socket_family() const { return family == 6 ? AF_INET6 : AF_INET; }
  [[nodiscard]] Address with_port(std::uint16_t other_port) const;
  /// Without the port: "127.0.0.1" or "::1".
  [[nodiscard]] std::string host() const;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Address&, const Address&) = default;
};

/// For system calls: the address as the kernel wants it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  explicit SocketAddress(const Address& address);
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::ostream& operator<<(std::ostream& out, const Address& address);

}  // namespace turntest

template <>
struct std::hash<turntest::Address> {
  std::size_t operator()(const turntest::Address& address) const noexcept {
    std::size_t mixed = address.port * std::size_t{0x9E3779B97F4A7C15} + address.family;
    for (const std::uint8_t octet : address.octets) mixed = (mixed ^ octet) * 0x100000001B3;
    return mixed;
  }
};
