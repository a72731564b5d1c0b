#include "api/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace plugin {

namespace {

constexpr int backlog_max = 1024;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// The configuration has been checked: an address, a colon and a port.
SocketAddress parse(const std::string& text) {
  SocketAddress out;
  const std::size_t colon = text.rfind(':');
  const auto port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  if (text.starts_with('[')) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = port;
    ::inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &address.sin6_addr);
    out.size = sizeof address;
    std::memcpy(&out.storage, &address, sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = port;
    ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
    out.size = sizeof address;
    std::memcpy(&out.storage, &address, sizeof address);
  }
  return out;
}

std::string with_port_of(int fd, const std::string& text) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return text;
  const std::uint16_t port = storage.ss_family == AF_INET6
                                 ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                                 : reinterpret_cast<const sockaddr_in&>(storage).sin_port;
  return text.substr(0, text.rfind(':') + 1) + std::to_string(ntohs(port));
}

}  // namespace

broker::Result<TcpListener> listen_on_tcp(const std::string& address) {
  const SocketAddress socket_address = parse(address);
  const auto failed = [&](const char* what) {
    return broker::Error{"cannot " + std::string(what) + ' ' + address + ": " +
                         std::generic_category().message(errno)};
  };
  const int family = socket_address.storage.ss_family;
  TcpListener listener{UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
                       {}};
  if (!listener.fd) return failed("make a socket for");
  const int on = 1;
  ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6)
    ::setsockopt(listener.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&socket_address.storage),
             socket_address.size) != 0)
    return failed("listen on");
  if (::listen(listener.fd.get(), backlog_max) != 0) return failed("listen on");
  listener.address = with_port_of(listener.fd.get(), address);
  return listener;
}

}  // namespace plugin
