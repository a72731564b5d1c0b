#include "support/ports.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>

#include "support/address.h"

namespace turntest {
namespace {

constexpr int port_min = 10000;
constexpr int tries_max = 2000;
constexpr std::uint32_t client_port_min = 32768, client_ports = 16384, client_port_stride = 6151;

int ephemeral_begin() {
  int begin = 32768;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> begin;
  return std::clamp(begin, port_min + 1000, 49152);
}

bool can_bind(int type, int family, std::uint16_t port) {
  Address any;
  any.family = static_cast<std::uint8_t>(family);
  any.port = port;
  const Descriptor socket(::socket(any.socket_family(), type | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return family == 6;  // a machine without IPv6
  const int on = 1;
  // A server restarts among the TIME_WAITs of its predecessor; so may it begin.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, type == SOCK_STREAM ? &on : nullptr,
               type == SOCK_STREAM ? sizeof on : 0);
  if (family == 6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const SocketAddress address(any);
  return ::bind(socket.get(), address.get(), address.size) == 0;
}

bool is_free(std::uint16_t port) {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM})
    for (const int family : {4, 6})
      if (!can_bind(type, family, port)) return false;
  return true;
}

/// One lock file for all ports; a port is one octet of it. The lock ends with the descriptor.
Descriptor try_lock(std::uint16_t port) {
  const auto file = std::filesystem::temp_directory_path() / "turntest-ports.lock";
  Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock.valid()) throw std::runtime_error("cannot open " + file.string());
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = port;
  range.l_len = 1;
  if (::fcntl(lock.get(), F_OFD_SETLK, &range) != 0) lock.reset();
  return lock;
}

}  // namespace

PortLease::PortLease() {
  static thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> choose(port_min, ephemeral_begin() - 1);
  for (int attempt = 0; attempt < tries_max; ++attempt) {
    const auto port = static_cast<std::uint16_t>(choose(random));
    Descriptor lock = try_lock(port);
    if (!lock.valid() || !is_free(port)) continue;
    port_ = port;
    lock_ = std::move(lock);
    return;
  }
  throw std::runtime_error("no free port below the ephemeral range");
}

std::uint16_t next_client_port() {
  static std::atomic<std::uint32_t> next{std::random_device{}()};
  // An odd stride visits every port of a power of two once, and keeps neighbours apart: another
  // process that begins among ours soon meets a port that we did not take.
  return static_cast<std::uint16_t>(client_port_min + next++ * client_port_stride % client_ports);
}

std::uint16_t free_port() { return PortLease().port(); }

}  // namespace turntest
