#include "sandbox/system_calls.h"

#include <array>

namespace plugin {

namespace {

// clang-format off
constexpr std::array needed{
    // sockets: clients, peers, HTTP, Redis, webhooks; socket, socketpair and ioctl are looked into
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom",
    "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    // waiting
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2",
    "pause", "pipe", "pipe2", "poll", "ppoll", "pselect6", "select", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // files: ledger, meter table, records, configuration, certificates, logs, user database
    "access", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fchmod", "fchmodat", "fchown", "fchownat", "fcntl",
    "fdatasync", "flock", "fstat", "fstatfs", "fsync", "ftruncate", "getcwd", "getdents", "getdents64", "link",
    "linkat", "lseek", "lstat", "memfd_create", "mkdir", "mkdirat", "newfstatat", "open", "openat", "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readlink", "readlinkat", "readv", "rename",
    "renameat", "renameat2", "rmdir", "sendfile", "stat", "statfs", "statx", "symlink", "symlinkat", "truncate",
    "umask", "unlink", "unlinkat", "utimensat", "write", "writev",
    // memory; mmap and mprotect are looked into
    "brk", "madvise", "mincore", "mlock", "mlock2", "mremap", "msync", "munlock", "munmap",
    // threads; clone is looked into
    "exit", "exit_group", "futex", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "getcpu", "gettid",
    "membarrier", "restart_syscall", "rseq", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list",
    "set_tid_address",
    // signals to itself; kill and tgkill are looked into
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "sigaltstack",
    // time
    "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "times",
    // what it is, and what there is
    "capget", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getpriority",
    "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "getuid", "setpriority", "sysinfo",
    "uname",
};

constexpr std::array deadly{
    // another program, another process's memory
    "execve", "execveat", "fork", "vfork", "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv",
    "process_vm_writev", "ptrace",
    // another user
    "capset", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid",
    "setuid",
    // another view of the machine
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_by_handle_at",
    "open_tree", "pivot_root", "setns", "swapoff", "swapon", "umount", "umount2", "unshare",
    // the kernel itself, and where it was broken into most often
    "acct", "add_key", "bpf", "delete_module", "finit_module", "init_module", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "modify_ldt",
    "perf_event_open", "personality", "quotactl", "reboot", "request_key", "syslog", "userfaultfd", "vhangup",
    // the machine's clock and name
    "adjtimex", "clock_adjtime", "clock_settime", "setdomainname", "sethostname", "settimeofday",
};
// clang-format on

}  // namespace

std::span<const char* const> needed_calls() { return needed; }
std::span<const char* const> deadly_calls() { return deadly; }

}  // namespace plugin
