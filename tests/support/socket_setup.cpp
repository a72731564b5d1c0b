#include "support/socket_setup.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

namespace turntest {

void throw_errno(std::string_view what, const Address& address) {
  const int error = errno;
  throw std::system_error(error, std::generic_category(),
                          std::string(what) + " " + address.to_string());
}

Descriptor make_socket(int type, int family, const std::optional<Address>& local) {
  const Address at = local.value_or(Address::loopback(family));
  Descriptor socket(::socket(at.socket_family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) throw_errno("no socket for", at);
  if (local) {
    const SocketAddress address(*local);
    if (::bind(socket.get(), address.get(), address.size) != 0) throw_errno("cannot bind", at);
  }
  return socket;
}

void set_buffers(const Descriptor& socket, int octets) {
  const auto set = [&](int forced, int unforced) {
    if (::setsockopt(socket.get(), SOL_SOCKET, forced, &octets, sizeof octets) != 0)
      ::setsockopt(socket.get(), SOL_SOCKET, unforced, &octets, sizeof octets);
  };
  set(SO_RCVBUFFORCE, SO_RCVBUF);
  set(SO_SNDBUFFORCE, SO_SNDBUF);
}

std::uint64_t kernel_drops(int descriptor) {
  std::uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof info;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, info, &size) != 0) return 0;
  return info[SK_MEMINFO_DROPS];
}

bool wait_for(int descriptor, short events, TimePoint deadline) {
  pollfd entry{descriptor, events, 0};
  return ::poll(&entry, 1, poll_timeout_ms(deadline)) > 0;
}

void on_every_cpu(const std::function<void()>& function) {
  // A thread of its own, so that the caller's affinity stays as it is.
  std::thread([&function] {
    const long processors = ::sysconf(_SC_NPROCESSORS_CONF);
    for (long cpu = 0; cpu < std::min<long>(processors, CPU_SETSIZE); ++cpu) {
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(static_cast<std::size_t>(cpu), &only);
      if (::sched_setaffinity(0, sizeof only, &only) == 0) function();
    }
  }).join();
}

bool raise_descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  if (limit.rlim_cur >= wanted) return true;
  rlimit raised{wanted, limit.rlim_max < wanted ? wanted : limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return true;
  raised = {limit.rlim_max, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return limit.rlim_max >= wanted;
}

}  // namespace turntest
