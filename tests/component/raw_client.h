// A raw client connection, over TCP from an address of the test's choice or over a Unix socket: what a
// test writes is what is sent. Everything has a deadline.
// Owner: each test. Threads: one at a time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "unique_fd.h"

namespace raw {

inline sockaddr_in loopback(const std::string& address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

inline sockaddr_in6 loopback6(const std::string& address, std::uint16_t port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  ::inet_pton(AF_INET6, address.c_str(), &out.sin6_addr);
  return out;
}

class Client {
 public:
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  /// To the port on 127.0.0.1; from an IPv6 address on ::1.
  explicit Client(std::uint16_t port, const std::string& from = "127.0.0.1", int receive_octets = 0)
      : fd_(::socket(is_ipv6(from) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_octets != 0)
      ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_octets, sizeof receive_octets);
    if (is_ipv6(from)) {
      bind_to(loopback6(from, 0));
      connect_to(loopback6("::1", port));
    } else {
      bind_to(loopback(from, 0));
      connect_to(loopback("127.0.0.1", port));
    }
  }
  /// To a Unix socket.
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    connect_to(address);
  }

  /// How many octets were taken within `time`, or before the connection ended.
  std::size_t send(std::string_view text, milliseconds time = milliseconds(5000)) {
    const auto deadline = Clock::now() + time;
    std::size_t sent = 0;
    while (sent < text.size() && ready(POLLOUT, deadline)) {
      const ssize_t now =
          ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (now > 0) sent += static_cast<std::size_t>(now);
      if (now < 0 && errno != EAGAIN) break;
    }
    return sent;
  }

  /// What arrives until the server closes; throws when it does not within `time`.
  std::string receive_until_closed(milliseconds time = milliseconds(5000)) {
    std::string text;
    if (!receive(text, time, [](const std::string&) { return false; })) return text;
    throw std::runtime_error("the server did not close the connection; it sent: " + text);
  }
  /// What arrives until `part` is in it; throws when it does not come within `time`.
  std::string receive_until(std::string_view part, milliseconds time = milliseconds(5000)) {
    std::string text;
    if (receive(text, time,
                [&](const std::string& so_far) { return so_far.find(part) != so_far.npos; }) &&
        text.find(part) != std::string::npos)
      return text;
    throw std::runtime_error("instead of " + std::string(part) + " the server sent: " + text);
  }

  void finish_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  /// Ends the connection with a reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_.reset();
  }
  [[nodiscard]] int descriptor() const { return fd_.get(); }

 private:
  static bool is_ipv6(const std::string& address) { return address.find(':') != address.npos; }
  template <typename Address>
  void bind_to(const Address& own) const {
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
      throw std::runtime_error(std::string("cannot bind: ") + std::strerror(errno));
  }
  template <typename Address>
  void connect_to(const Address& server) const {
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
      throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
  }
  bool ready(short events, Clock::time_point deadline) const {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
    pollfd one{.fd = fd_.get(), .events = events, .revents = 0};
    return left > 0 && ::poll(&one, 1, static_cast<int>(left)) > 0;
  }
  /// False when the server closed.
  template <typename Enough>
  bool receive(std::string& text, milliseconds time, Enough enough) const {
    const auto deadline = Clock::now() + time;
    std::array<char, 65536> chunk{};
    while (!enough(text) && ready(POLLIN, deadline)) {
      const ssize_t got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
      if (got <= 0) return false;
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return true;
  }
  plugin::UniqueFd fd_;
};

}  // namespace raw
