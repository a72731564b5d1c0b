// The seccomp filter of each architecture, asked about calls.
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "bpf.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/system_calls.h"
#include "unique_fd.h"

using broker::SeccompMode;

namespace {

constexpr std::uint32_t refused = SECCOMP_RET_ERRNO | ENOSYS;

/// The filter of one architecture.
class Filter {
 public:
  explicit Filter(std::uint32_t architecture, SeccompMode mode = SeccompMode::on)
      : architecture_(architecture) {
    auto filter = plugin::SeccompFilter::make_for(architecture, mode);
    INFO((filter ? std::string() : filter.error().message));
    REQUIRE(filter);
    const plugin::UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
    REQUIRE(filter.value().export_to(file.get()));
    program_.resize(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)) /
                    sizeof(sock_filter));
    const auto octets = static_cast<ssize_t>(program_.size() * sizeof(sock_filter));
    REQUIRE(::pread(file.get(), program_.data(), static_cast<std::size_t>(octets), 0) == octets);
  }

  /// nullopt: the architecture has no such call.
  [[nodiscard]] std::optional<bpf::Answer> ask(
      const char* call, const std::vector<std::uint64_t>& arguments = {}) const {
    const int number = ::seccomp_syscall_resolve_name_arch(architecture_, call);
    if (number < 0) return std::nullopt;
    return ask(number, architecture_, arguments);
  }

  [[nodiscard]] bpf::Answer ask(int number, std::uint32_t architecture,
                                const std::vector<std::uint64_t>& arguments = {}) const {
    seccomp_data data{};
    data.nr = number;
    data.arch = architecture;
    for (std::size_t i = 0; i < arguments.size(); ++i) data.args[i] = arguments.at(i);
    return bpf::run(program_, data);
  }

  [[nodiscard]] std::uint32_t action(const char* call,
                                     const std::vector<std::uint64_t>& arguments = {}) const {
    const auto answer = ask(call, arguments);
    REQUIRE(answer);
    return answer->action;
  }

 private:
  std::uint32_t architecture_;
  std::vector<sock_filter> program_;
};

const std::vector<std::uint32_t> architectures{SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64};

}  // namespace

TEST_CASE("what a relay needs is allowed without a look at its arguments") {
  for (const auto architecture : architectures) {
    const Filter filter(architecture);
    for (const char* call : plugin::needed_calls()) {
      INFO(call << " of " << std::hex << architecture);
      const auto answer = filter.ask(call);
      if (!answer) continue;
      CHECK(answer->action == SECCOMP_RET_ALLOW);
      CHECK_FALSE(answer->arguments_read);
    }
  }
}

TEST_CASE("the calls of the packet path exist, and the kernel can remember them") {
  for (const auto architecture : architectures)
    for (const char* call :
         {"recvmsg", "recvfrom", "sendto", "sendmsg", "read", "write", "writev", "readv",
          "epoll_pwait", "epoll_ctl", "futex", "clock_gettime", "getsockopt"}) {
      INFO(call);
      const auto answer = Filter(architecture).ask(call);
      REQUIRE(answer);
      CHECK(answer->action == SECCOMP_RET_ALLOW);
      CHECK_FALSE(answer->arguments_read);
    }
}

TEST_CASE("what only an intruder needs ends the process") {
  for (const auto architecture : architectures) {
    const Filter filter(architecture);
    for (const char* call : plugin::deadly_calls()) {
      INFO(call);
      const auto answer = filter.ask(call);
      if (answer) CHECK(answer->action == SECCOMP_RET_KILL_PROCESS);
    }
    CHECK(filter.action("execve") == SECCOMP_RET_KILL_PROCESS);
    CHECK(filter.action("setresuid") == SECCOMP_RET_KILL_PROCESS);
    CHECK(filter.action("clone", {SIGCHLD}) == SECCOMP_RET_KILL_PROCESS);
    CHECK(filter.action("clone", {CLONE_NEWUSER | SIGCHLD}) == SECCOMP_RET_KILL_PROCESS);
    CHECK(filter.action("clone", {CLONE_THREAD | CLONE_VM}) == SECCOMP_RET_ALLOW);
  }
}

TEST_CASE("all else fails as if the kernel did not know it") {
  for (const auto architecture : architectures) {
    const Filter filter(architecture);
    CHECK(filter.ask(1000, architecture).action == refused);
    for (const char* call :
         {"seccomp", "pidfd_open", "msgget", "shmat", "inotify_init1", "wait4", "mknodat"})
      CHECK(filter.action(call) == refused);
  }
}

TEST_CASE("another ABI ends the process") {
  const Filter filter(SCMP_ARCH_X86_64);
  CHECK(filter.ask(20, SCMP_ARCH_X86).action == SECCOMP_RET_KILL_PROCESS);
  CHECK(filter.ask(0x40000000, SCMP_ARCH_X86_64).action == SECCOMP_RET_KILL_PROCESS);
  CHECK(Filter(SCMP_ARCH_AARCH64).ask(20, SCMP_ARCH_ARM).action == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("sockets are those of relays, of names and of this machine") {
  for (const auto architecture : architectures) {
    const Filter filter(architecture);
    for (const std::uint64_t family : {AF_INET, AF_INET6}) {
      CHECK(filter.action("socket", {family, SOCK_DGRAM | SOCK_CLOEXEC, 0}) == SECCOMP_RET_ALLOW);
      CHECK(filter.action("socket", {family, SOCK_DGRAM, IPPROTO_UDP}) == SECCOMP_RET_ALLOW);
      CHECK(filter.action("socket", {family, SOCK_STREAM | SOCK_NONBLOCK, 0}) == SECCOMP_RET_ALLOW);
      CHECK(filter.action("socket", {family, SOCK_STREAM, IPPROTO_TCP}) == SECCOMP_RET_ALLOW);
      CHECK(filter.action("socket", {family, SOCK_STREAM, IPPROTO_SCTP}) == refused);
      CHECK(filter.action("socket", {family, SOCK_RAW, IPPROTO_ICMP}) == refused);
      CHECK(filter.action("socket", {family, SOCK_SEQPACKET, 0}) == refused);
    }
    CHECK(filter.action("socket", {AF_UNIX, SOCK_DGRAM, 0}) == SECCOMP_RET_ALLOW);
    CHECK(filter.action("socket", {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}) == SECCOMP_RET_ALLOW);
    for (const std::uint64_t protocol : {NETLINK_NETFILTER, NETLINK_AUDIT, NETLINK_XFRM})
      CHECK(filter.action("socket", {AF_NETLINK, SOCK_RAW, protocol}) == refused);
    for (const std::uint64_t family : {AF_PACKET, AF_ALG, AF_VSOCK, AF_BLUETOOTH, AF_XDP})
      CHECK(filter.action("socket", {family, SOCK_DGRAM, 0}) == refused);
  }
}

TEST_CASE("an argument's upper half, which the kernel does not look at, does not deceive") {
  const Filter filter(SCMP_ARCH_X86_64);
  constexpr std::uint64_t high = std::uint64_t{1} << 32;
  CHECK(filter.action("socket", {high | AF_PACKET, SOCK_RAW, 0}) == refused);
  CHECK(filter.action("mprotect", {0, 4096, high | PROT_READ | PROT_EXEC}) ==
        (SECCOMP_RET_ERRNO | EACCES));
  CHECK(filter.action("clone", {high | SIGCHLD}) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("memory does not become code, limits stay, and signals go nowhere else") {
  for (const auto architecture : architectures) {
    const Filter filter(architecture);
    for (const char* call : {"mmap", "mprotect"}) {
      CHECK(filter.action(call, {0, 4096, PROT_READ | PROT_WRITE}) == SECCOMP_RET_ALLOW);
      CHECK(filter.action(call, {0, 4096, PROT_READ | PROT_EXEC}) == (SECCOMP_RET_ERRNO | EACCES));
    }
    CHECK(filter.action("prlimit64", {0, 4, 0}) == SECCOMP_RET_ALLOW);
    CHECK(filter.action("prlimit64", {0, 4, 0x7fff0000}) == refused);
    const auto own = static_cast<std::uint64_t>(::getpid());
    CHECK(filter.action("tgkill", {own, 1, 6}) == SECCOMP_RET_ALLOW);
    CHECK(filter.action("tgkill", {own + 1, 1, 6}) == refused);
    CHECK(filter.action("kill", {own + 1, 9}) == refused);
  }
}

TEST_CASE("a filter that only logs allows all") {
  const Filter filter(SCMP_ARCH_X86_64, SeccompMode::log);
  CHECK(filter.action("execve") == SECCOMP_RET_LOG);
  CHECK(filter.action("socket", {AF_PACKET, SOCK_RAW, 0}) == SECCOMP_RET_LOG);
  CHECK(filter.action("mmap", {0, 4096, PROT_EXEC}) == SECCOMP_RET_LOG);
  CHECK(filter.action("clone", {SIGCHLD}) == SECCOMP_RET_LOG);
  CHECK(filter.ask(20, SCMP_ARCH_X86).action == SECCOMP_RET_LOG);
  CHECK(filter.action("read") == SECCOMP_RET_ALLOW);
}

TEST_CASE("every name is known to libseccomp on one architecture at least") {
  for (const auto calls : {plugin::needed_calls(), plugin::deadly_calls()})
    for (const std::string_view call : calls) {
      // Newer than the libseccomp of Debian 12.
      if (call == "futex_wait" || call == "futex_wake") continue;
      INFO(call);
      CHECK(::seccomp_syscall_resolve_name(call.data()) != __NR_SCMP_ERROR);
    }
}
