#include "sandbox/seccomp_filter.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "sandbox/system_calls.h"

namespace plugin {

namespace {

constexpr std::uint64_t int_mask =
    0xffffffff;  // of an int's register the kernel looks at this half
constexpr std::uint64_t socket_type_mask = 0xf;  // the rest are flags, such as SOCK_CLOEXEC
constexpr int binary_tree = 2;

broker::Error failed(const std::string& what, int result) {
  return broker::Error{what + ": " + std::generic_category().message(-result)};
}

scmp_arg_cmp equal(unsigned argument, std::uint64_t value, std::uint64_t mask = int_mask) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

/// The rules of one filter, until the first that cannot be added.
class Rules {
 public:
  Rules(scmp_filter_ctx context, bool log_only) : context_(context), log_only_(log_only) {}

  void allow(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    add(SCMP_ACT_ALLOW, call, arguments);
  }
  void refuse(const char* call, int error, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    add(log_only_ ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), call,
        arguments);
  }
  void kill(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    add(log_only_ ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS, call, arguments);
  }
  [[nodiscard]] const broker::Status& status() const { return status_; }

 private:
  void add(std::uint32_t action, const char* call, const std::vector<scmp_arg_cmp>& arguments) {
    const int number = ::seccomp_syscall_resolve_name(call);
    if (number == __NR_SCMP_ERROR || !status_) return;
    // What is everything's fate in any case is no rule.
    if (action == SCMP_ACT_LOG && log_only_) return;
    const int result = ::seccomp_rule_add_array(
        context_, action, number, static_cast<unsigned>(arguments.size()), arguments.data());
    // A call that this architecture does not have.
    if (result != 0 && result != -EDOM)
      status_ = failed(std::string("seccomp rule for ") + call, result);
  }

  scmp_filter_ctx context_;
  bool log_only_;
  broker::Status status_ = broker::Nothing{};
};

void add_sockets(Rules& rules) {
  // Other protocols (SCTP, MPTCP, UDP-Lite) the kernel might even load a module for.
  for (const int family : {AF_INET, AF_INET6})
    for (const auto& [type, protocol] : {std::pair{SOCK_STREAM, IPPROTO_IP},
                                         {SOCK_STREAM, IPPROTO_TCP},
                                         {SOCK_DGRAM, IPPROTO_IP},
                                         {SOCK_DGRAM, IPPROTO_UDP}})
      rules.allow("socket",
                  {equal(0, family), equal(1, type, socket_type_mask), equal(2, protocol)});
  rules.allow("socket", {equal(0, AF_UNIX)});
  // getifaddrs and getaddrinfo ask which addresses there are.
  rules.allow("socket", {equal(0, AF_NETLINK), equal(2, NETLINK_ROUTE)});
  rules.allow("socketpair", {equal(0, AF_UNIX)});
  for (const auto request :
       {FIONBIO, FIONREAD, FIOCLEX, FIONCLEX, TIOCOUTQ, TCGETS, TIOCGWINSZ, SIOCGIFNAME,
        SIOCGIFINDEX, SIOCGIFADDR, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFMTU})
    rules.allow("ioctl", {equal(1, static_cast<std::uint64_t>(request))});
}

void add_threads(Rules& rules) {
  const auto thread = static_cast<std::uint64_t>(CLONE_THREAD);
  rules.allow("clone", {equal(0, thread, thread)});
  rules.kill("clone", {equal(0, 0, thread)});
  const auto own = static_cast<std::uint64_t>(::getpid());
  for (const char* call : {"kill", "tgkill"}) rules.allow(call, {equal(0, own)});
  for (const int option :
       {PR_SET_NAME, PR_GET_NAME, PR_SET_TIMERSLACK, 0x53564d41 /* PR_SET_VMA */})
    rules.allow("prctl", {equal(0, static_cast<std::uint64_t>(option))});
  // Limits are read, and stay.
  rules.allow("prlimit64", {scmp_arg_cmp{2, SCMP_CMP_EQ, 0, 0}});
}

/// No memory becomes code any more.
void add_memory(Rules& rules) {
  for (const char* call : {"mmap", "mprotect"}) {
    rules.allow(call, {equal(2, 0, PROT_EXEC)});
    rules.refuse(call, EACCES, {equal(2, PROT_EXEC, PROT_EXEC)});
  }
}

broker::Status set_attributes(scmp_filter_ctx context, std::uint32_t bad_architecture, bool log) {
  const struct {
    scmp_filter_attr attribute;
    std::uint32_t value;
    const char* what;
  } wanted[] = {
      {SCMP_FLTATR_API_SYSRAWRC, 1, "the kernel's errors"},
      {SCMP_FLTATR_ACT_BADARCH, bad_architecture, "other architectures"},
      {SCMP_FLTATR_CTL_TSYNC, 1, "all threads"},
      {SCMP_FLTATR_CTL_LOG, log ? 1U : 0U, "a log of what is refused"},
      {SCMP_FLTATR_CTL_OPTIMIZE, binary_tree, "a binary tree"},
  };
  for (const auto& [attribute, value, what] : wanted)
    if (const int result = ::seccomp_attr_set(context, attribute, value); result != 0)
      return failed(std::string("seccomp, ") + what, result);
  return broker::Nothing{};
}

broker::Status choose_architecture(scmp_filter_ctx context, std::uint32_t architecture) {
  if (architecture == ::seccomp_arch_native()) return broker::Nothing{};
  int result = ::seccomp_arch_add(context, architecture);
  if (result == 0) result = ::seccomp_arch_remove(context, ::seccomp_arch_native());
  if (result != 0) return failed("seccomp, another architecture", result);
  return broker::Nothing{};
}

}  // namespace

void SeccompDeleter::operator()(void* context) const { ::seccomp_release(context); }

broker::Result<SeccompFilter> SeccompFilter::make(broker::SeccompMode mode) {
  // 3: refusing in all threads, ending the process, logging.
  constexpr unsigned level_needed = 3;
  if (::seccomp_api_get() < level_needed)
    return broker::Error{"the kernel does not offer what is needed of seccomp"};
  return make_for(::seccomp_arch_native(), mode);
}

broker::Result<SeccompFilter> SeccompFilter::make_for(std::uint32_t architecture,
                                                      broker::SeccompMode mode) {
  const bool log_only = mode == broker::SeccompMode::log;
  Context quiet(::seccomp_init(SCMP_ACT_ALLOW));
  Context main(::seccomp_init(log_only ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS)));
  if (!quiet || !main) return broker::Error{"seccomp: no filter can be made"};
  for (auto* context : {quiet.get(), main.get()})
    if (auto status = choose_architecture(context, architecture); !status) return status.error();
  if (auto status = set_attributes(quiet.get(), SCMP_ACT_ALLOW, false); !status)
    return status.error();
  if (auto status =
          set_attributes(main.get(), log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS, true);
      !status)
    return status.error();

  // What clone3 is to do lies in memory, where no filter looks: the C library falls back to clone. It asks for each
  // thread anew, which is not worth a line in the log.
  Rules quiet_rules(quiet.get(), false);
  quiet_rules.refuse("clone3", ENOSYS);

  Rules rules(main.get(), log_only);
  for (const char* call : needed_calls()) rules.allow(call);
  rules.allow("clone3");  // never comes so far
  for (const char* call : deadly_calls()) rules.kill(call);
  add_sockets(rules);
  add_threads(rules);
  add_memory(rules);
  for (const auto* each : {&quiet_rules, &rules})
    if (!each->status()) return each->status().error();
  return SeccompFilter(std::move(quiet), std::move(main));
}

broker::Status SeccompFilter::load() {
  // In this order: with the main one in place the process may not load another.
  for (const auto* context : {&quiet_, &main_})
    if (const int result = ::seccomp_load(context->get()); result != 0)
      return failed("seccomp filter", result);
  return broker::Nothing{};
}

broker::Status SeccompFilter::export_to(int descriptor) const {
  if (const int result = ::seccomp_export_bpf(main_.get(), descriptor); result != 0)
    return failed("seccomp filter", result);
  return broker::Nothing{};
}

}  // namespace plugin
