/* Preloaded into a server: a thread of it waits until the server is confined, and then does what an intruder would.
 *
 * PROBE_CALLS names what it does, in order: "socket-packet mprotect-exec execve". PROBE_FILE gets a line for each,
 * "NAME ERRNO", 0 for success, before the next begins, and "done" at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static int file = -1;

static int socket_of(int family, int type, int protocol)
{
	return socket(family, type, protocol) < 0 ? errno : 0;
}

static int with_code(int by_mprotect)
{
	int protection = PROT_READ | PROT_WRITE;
	void *page = mmap(NULL, 4096, by_mprotect ? protection : protection | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if(page == MAP_FAILED || (by_mprotect && mprotect(page, 4096, PROT_READ | PROT_EXEC) < 0))
		return errno;
	return 0;
}

static int result(long value)
{
	return value < 0 ? errno : 0;
}

static void *nothing(void *unused)
{
	return unused;
}

/* Without the C library's own preparations, which a filter may refuse first. */
static int raw_fork(unsigned long flags)
{
	long child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if(child == 0)
		_exit(0);
	return result(child);
}

static int new_clone(void)
{
	struct clone_args arguments;
	memset(&arguments, 0, sizeof(arguments));
	arguments.flags = CLONE_NEWUSER;
	arguments.exit_signal = SIGCHLD;
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if(child == 0)
		_exit(0);
	return result(child);
}

static int thread(void)
{
	pthread_t id;
	int error = pthread_create(&id, NULL, nothing, NULL);
	return error ? error : pthread_join(id, NULL);
}

static int names(const char *host)
{
	struct addrinfo *found = NULL;
	int error = getaddrinfo(host, "80", NULL, &found);
	if(!error)
		freeaddrinfo(found);
	return error ? 1 : 0;
}

static int addresses(void)
{
	struct ifaddrs *found = NULL;
	if(getifaddrs(&found) < 0)
		return errno;
	freeifaddrs(found);
	return 0;
}

static int log_line(void)
{
	openlog("probe", LOG_NDELAY, LOG_USER);
	syslog(LOG_INFO, "probe");
	closelog();
	return 0;
}

static int probe(const char *name)
{
	char *const none[] = { NULL };
	struct iovec vector = { &file, sizeof(file) };
	struct rlimit limit = { 0, 0 };
	char octet = 0;
	struct sock_filter allow = { BPF_RET, 0, 0, 0x7fff0000U };
	struct sock_fprog program = { 1, &allow };

#define WHEN(word, action) if(!strcmp(name, word)) return (action)
	WHEN("execve", result(execve("/bin/true", none, none)));
	WHEN("execveat", result(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0)));
	WHEN("fork", raw_fork(0));
	WHEN("namespace", raw_fork(CLONE_NEWUSER));
	WHEN("unshare", result(unshare(CLONE_NEWUSER)));
	WHEN("ptrace", result(ptrace(PTRACE_ATTACH, getppid(), 0, 0)));
	WHEN("process-memory", result(process_vm_readv(getppid(), &vector, 1, &vector, 1, 0)));
	WHEN("mount", result(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0)));
	WHEN("bpf", result(syscall(SYS_bpf, 0, 0, 0)));
	WHEN("module", result(syscall(SYS_init_module, &octet, 1, "")));
	WHEN("setuid", result(syscall(SYS_setuid, 0)));
	WHEN("setgroups", result(syscall(SYS_setgroups, 0, 0)));
	WHEN("io-uring", result(syscall(SYS_io_uring_setup, 1, 0)));
	WHEN("perf", result(syscall(SYS_perf_event_open, 0, 0, -1, -1, 0)));
	WHEN("userfaultfd", result(syscall(SYS_userfaultfd, 0)));
	WHEN("keyctl", result(syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
	WHEN("chroot", result(chroot("/")));
#if defined(__x86_64__)
	WHEN("abi-x32", result(syscall(0x40000000 + SYS_getpid)));
	WHEN("abi-32", ({ int value; __asm__ volatile("int $0x80" : "=a"(value) : "a"(20) : "memory"); value < 0 ? -value : 0; }));
#endif
	WHEN("socket-packet", socket_of(AF_PACKET, SOCK_RAW, 0));
	WHEN("socket-raw", socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	WHEN("socket-sctp", socket_of(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
	WHEN("socket-netlink-audit", socket_of(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
	WHEN("socket-alg", socket_of(AF_ALG, SOCK_SEQPACKET, 0));
	WHEN("socket-vsock", socket_of(AF_VSOCK, SOCK_STREAM, 0));
	WHEN("mmap-exec", with_code(0));
	WHEN("mprotect-exec", with_code(1));
	WHEN("ioctl-tiocsti", result(ioctl(0, TIOCSTI, &octet)));
	WHEN("dumpable", result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)));
	WHEN("another-filter", result(syscall(SYS_seccomp, 1, 0, &program)));
	WHEN("core-limit", result(setrlimit(RLIMIT_CORE, &limit)));
	WHEN("kill-parent", result(kill(getppid(), 0)));
	WHEN("clone3", new_clone());
	WHEN("unknown", result(syscall(1000)));
	WHEN("socket-udp", socket_of(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	WHEN("socket-tcp", socket_of(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP));
	WHEN("socket-unix", socket_of(AF_UNIX, SOCK_STREAM, 0));
	WHEN("thread", thread());
	WHEN("localhost", names("localhost"));
	WHEN("no-host", !names("turnbroker.invalid"));
	WHEN("interfaces", addresses());
	WHEN("syslog", log_line());
#undef WHEN
	return -1;
}

/* How many filters the calling thread has. */
static int filters(void)
{
	char text[4096];
	int status = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	ssize_t octets = status < 0 ? -1 : read(status, text, sizeof(text) - 1);
	if(status >= 0)
		close(status);
	text[octets < 0 ? 0 : octets] = 0;
	const char *found = strstr(text, "Seccomp_filters:\t");
	return found ? atoi(found + strlen("Seccomp_filters:\t")) : 0;
}

/* Of the machine, perhaps; the server adds a quiet one and the one that counts. */
static int filters_before = 0;

static void *run(void *calls)
{
	const struct timespec moment = { 0, 2000000 };
	char *state = NULL;
	char *name = NULL;

	while(filters() < filters_before + 2)
		nanosleep(&moment, NULL);
	for(name = strtok_r(calls, " ", &state); name; name = strtok_r(NULL, " ", &state)) {
		dprintf(file, "%s ", name);
		dprintf(file, "%d\n", probe(name));
	}
	dprintf(file, "done\n");
	return NULL;
}

static __attribute__((constructor)) void begin(void)
{
	const char *calls = getenv("PROBE_CALLS");
	const char *path = getenv("PROBE_FILE");
	pthread_t id;

	if(!calls || !path)
		return;
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	filters_before = filters();
	if(file < 0 || pthread_create(&id, NULL, run, strdup(calls)))
		abort();
}
